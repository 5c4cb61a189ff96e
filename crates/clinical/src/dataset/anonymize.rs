//! The best generalisation of one table under privacy models: counted, searched, written.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use medveil_deid::hierarchy::file::{FileTrouble, read_directory};
use medveil_deid::hierarchy::{self, Hierarchy};
use medveil_deid::kind::{Class, Kind};
use medveil_deid::metric::Metric;
use medveil_deid::model::Model;
use medveil_deid::search::{Attribute, Problem, Recoding};
use medveil_deid::table::{self, Counted, Job, Recoded, Roles, TableError, Trouble};
use medveil_deid::utility::{self, Table as Columns, Workload, WorkloadReport};

use super::deidentify::open;
use super::error::DatasetError;
use super::source::{Format, Source, SourceError, detect};

/// What is asked.
pub struct Anonymization<'a> {
    /// The table.
    pub input: &'a Path,
    /// A table of the population of which the input is a part, with the same quasi-identifiers.
    pub population: Option<&'a Path>,
    /// A folder of hierarchy files; what it lacks is drafted from kind and values.
    pub hierarchies: Option<&'a Path>,
    /// Columns that an attacker may know.
    pub quasi_identifiers: &'a [String],
    /// Columns that an attacker wants to learn.
    pub sensitive: &'a [String],
    /// Columns that are not released.
    pub dropped: &'a [String],
    /// Columns that are released as they are although they look like direct identifiers.
    pub kept: &'a [String],
    /// Weights of quasi-identifiers; 1 where none is given.
    pub weights: BTreeMap<String, f64>,
    /// What every class must satisfy.
    pub models: Vec<Model>,
    /// The largest share of records that may be suppressed.
    pub suppression: f64,
    /// What is to be small.
    pub metric: Metric,
}

/// A table that was counted, ready to be searched.
pub struct Table {
    /// The search.
    pub problem: Problem,
    /// Quasi-identifiers whose hierarchy was drafted, with the method.
    pub drafted: Vec<(String, &'static str)>,
    source: Source,
    roles: Roles,
}

/// The most distinct values of a column for which a hierarchy is drafted: they are held in memory.
const MOST_VALUES: usize = 1_000_000;

/// Counts a table.
///
/// # Errors
/// What is wrong with the table, the hierarchies or the columns that are named; a column that is not named and looks like a direct identifier is an error.
pub fn count(request: &Anonymization<'_>, job: &Job<'_>) -> Result<Table, DatasetError> {
    let source = table_source(request.input)?;
    check_roles(request)?;
    check_identifiers(request, &source, job)?;
    let (hierarchies, drafted) = hierarchies(request, &source, job)?;
    let roles = Roles {
        quasi_identifiers: request.quasi_identifiers.iter().cloned().zip(hierarchies).collect(),
        sensitive: sensitive(request)?,
        dropped: request.dropped.to_vec(),
    };
    let population = request.population.map(table_source).transpose()?;
    let counted = count_tuples(&source, population.as_ref(), &roles, job)?;
    let attribute = |(name, hierarchy): &(String, Arc<Hierarchy>)| Attribute {
        name: name.clone(),
        hierarchy: Arc::clone(hierarchy),
        weight: request.weights.get(name).copied().unwrap_or(1.0),
    };
    let problem = Problem {
        attributes: roles.quasi_identifiers.iter().map(attribute).collect(),
        sensitive: counted.sensitive,
        tuples: counted.tuples,
        models: request.models.clone(),
        suppression: request.suppression,
        metric: request.metric,
    };
    Ok(Table { problem, drafted, source, roles })
}

impl Table {
    /// Writes the table generalised as `out`, whole or not at all.
    ///
    /// # Errors
    /// What cannot be read or written; a table that changed since it was counted.
    pub fn write(
        &self,
        recoding: &Recoding,
        out: &Path,
        overwrite: bool,
        job: &Job<'_>,
    ) -> Result<Recoded, DatasetError> {
        let failed = |error| DatasetError::File { file: out.display().to_string(), error };
        if out.exists() && !overwrite {
            return Err(failed(std::io::Error::other("exists; choose another name, or say --overwrite")));
        }
        let folder = out.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let staged = tempfile::Builder::new().prefix(".medveil-").tempfile_in(folder).map_err(failed)?;
        let mut output = BufWriter::with_capacity(1 << 20, staged);
        let input = open(&self.source)?;
        let recoded = match self.source.format {
            Format::Parquet => table::recode_parquet(input, &mut output, &self.roles, recoding, job),
            _ => table::recode_csv(input, &mut output, &self.roles, recoding, job),
        };
        let recoded = recoded.map_err(|error| in_file(&self.source.path, error))?;
        if recoded.rows != self.problem.tuples.rows() {
            return Err(failed(std::io::Error::other("the input changed while it was read")));
        }
        output.flush().map_err(failed)?;
        let staged = output.into_inner().map_err(|error| failed(error.into_error()))?;
        set_ordinary_rights(staged.as_file()).map_err(failed)?;
        match overwrite {
            true => staged.persist(out).map(drop).map_err(|error| failed(error.error))?,
            false => staged.persist_noclobber(out).map(drop).map_err(|error| failed(error.error))?,
        }
        Ok(recoded)
    }
}

impl Table {
    /// Carries out the tasks of a workload on the table and on what was written as `released`. Of long tables a sample is read.
    ///
    /// # Errors
    /// What cannot be read; a task that cannot be carried out on the table itself.
    pub fn measure(
        &self,
        released: &Path,
        workload: &Workload,
        job: &Job<'_>,
    ) -> Result<WorkloadReport, DatasetError> {
        let stride = self.problem.tuples.rows().div_ceil(2 * workload.max_records.max(1) as u64).max(1);
        let wanted = |name: &str| !self.roles.dropped.iter().any(|dropped| dropped == name);
        let read = |source: &Source| {
            let input = open(source)?;
            let columns = match source.format {
                Format::Parquet => table::columns_parquet(input, &wanted, stride, job),
                _ => table::columns_csv(input, &wanted, stride, job),
            };
            let columns = columns.map_err(|error| in_file(&source.path, error))?;
            Columns::new(columns).map_err(DatasetError::Workload)
        };
        let raw = read(&self.source)?;
        let released = read(&Source { path: released.to_owned(), ..self.source.clone() })?;
        utility::workload(&raw, &released, workload).map_err(DatasetError::Workload)
    }
}

/// Temporary files are private; results have ordinary rights.
fn set_ordinary_rights(file: &File) -> std::io::Result<()> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        file.set_permissions(std::fs::Permissions::from_mode(0o640))?;
    }
    let _ = file;
    Ok(())
}

fn in_file(path: &Path, error: TableError) -> DatasetError {
    DatasetError::Table { file: path.display().to_string(), error }
}

fn table_source(path: &Path) -> Result<Source, DatasetError> {
    let format = detect(path)?;
    if matches!(format, Format::FhirJson | Format::FhirNdjson) {
        return Err(SourceError::Later {
            path: path.display().to_string(),
            format: "FHIR as a single table",
        }
        .into());
    }
    let size = std::fs::metadata(path).map(|metadata| metadata.len()).unwrap_or(0);
    Ok(Source { path: path.to_owned(), name: String::new(), format, size })
}

/// A column has one part to play.
fn check_roles(request: &Anonymization<'_>) -> Result<(), DatasetError> {
    let parts = [
        ("quasi-identifier", request.quasi_identifiers),
        ("sensitive", request.sensitive),
        ("dropped", request.dropped),
        ("kept", request.kept),
    ];
    let named: Vec<(&str, &String)> =
        parts.iter().flat_map(|(part, names)| names.iter().map(move |name| (*part, name))).collect();
    for (i, (part, name)) in named.iter().enumerate() {
        if let Some((other, _)) = named[..i].iter().find(|(_, earlier)| earlier == name) {
            let error = Trouble::TwoParts { name: (*name).clone(), parts: Box::new((other, part)) };
            return Err(in_file(request.input, TableError::new(error)));
        }
    }
    if let Some(name) = request.weights.keys().find(|name| !request.quasi_identifiers.contains(name)) {
        let error = Trouble::NotQuasiIdentifier { name: name.clone() };
        return Err(in_file(request.input, TableError::new(error)));
    }
    Ok(())
}

/// What nobody named and looks like a direct identifier is not released.
fn check_identifiers(
    request: &Anonymization<'_>,
    source: &Source,
    job: &Job<'_>,
) -> Result<(), DatasetError> {
    let parts = [request.quasi_identifiers, request.sensitive, request.dropped, request.kept];
    let named = |name: &str| parts.iter().any(|names| names.iter().any(|other| other == name));
    let input = open(source)?;
    let kinds = match source.format {
        Format::Parquet => table::kinds_parquet(input, &|name| !named(name), job),
        _ => table::kinds_csv(input, &|name| !named(name), job),
    };
    let kinds = kinds.map_err(|error| in_file(&source.path, error))?;
    let identifier = |kind: &Option<Kind>| kind.is_some_and(|kind| kind.class() == Class::DirectIdentifier);
    match kinds.into_iter().find(|column| identifier(&column.kind)) {
        Some(column) => {
            let kind = column.kind.map_or_else(String::new, |kind| kind.to_string());
            let error = Trouble::UnnamedIdentifier { name: column.name, kind: kind.into() };
            Err(in_file(&source.path, TableError::new(error)))
        }
        None => Ok(()),
    }
}

type Hierarchies = (Vec<Arc<Hierarchy>>, Vec<(String, &'static str)>);

/// The hierarchies of the quasi-identifiers: from files, or else drafted.
fn hierarchies(
    request: &Anonymization<'_>,
    source: &Source,
    job: &Job<'_>,
) -> Result<Hierarchies, DatasetError> {
    let mut found: BTreeMap<&String, Arc<Hierarchy>> = BTreeMap::new();
    for name in request.quasi_identifiers {
        if let Some(hierarchy) = from_files(request.hierarchies, name)? {
            found.insert(name, hierarchy);
        }
    }
    let missing: Vec<&String> =
        request.quasi_identifiers.iter().filter(|name| !found.contains_key(name)).collect();
    let mut drafted = Vec::new();
    if !missing.is_empty() {
        let wanted = |name: &str| missing.iter().any(|other| *other == name);
        let failed = |error| in_file(&source.path, error);
        let (distinct, kinds) = match source.format {
            Format::Parquet => (
                table::distinct_parquet(open(source)?, &wanted, MOST_VALUES, job).map_err(failed)?,
                table::kinds_parquet(open(source)?, &wanted, job).map_err(failed)?,
            ),
            _ => (
                table::distinct_csv(open(source)?, &wanted, MOST_VALUES, job).map_err(failed)?,
                table::kinds_csv(open(source)?, &wanted, job).map_err(failed)?,
            ),
        };
        for column in distinct {
            let too_many = || {
                TableError::at_column(
                    column.number,
                    &column.name,
                    Trouble::TooManyValues { limit: MOST_VALUES },
                )
            };
            let values = column.values.as_ref().ok_or_else(|| failed(too_many()))?;
            let values: Vec<&str> = values.iter().map(String::as_str).collect();
            let kind =
                kinds.iter().find(|finding| finding.name == column.name).and_then(|finding| finding.kind);
            let spec = hierarchy::draft(kind, &values);
            let hierarchy = spec.build(&values, None).map_err(|error| DatasetError::Hierarchy {
                column: column.name.clone(),
                error: error.to_string(),
            })?;
            let name = missing.iter().find(|name| ***name == column.name);
            let name = name.expect("only wanted columns are read");
            drafted.push((column.name.clone(), spec.method().name));
            found.insert(name, Arc::new(hierarchy));
        }
    }
    let hierarchies: Option<Vec<_>> =
        request.quasi_identifiers.iter().map(|name| found.get(name).cloned()).collect();
    match hierarchies {
        Some(hierarchies) => Ok((hierarchies, drafted)),
        None => {
            let absent = request.quasi_identifiers.iter().find(|name| !found.contains_key(name));
            let name = absent.cloned().unwrap_or_default();
            Err(in_file(&source.path, TableError::new(Trouble::NoColumn { name, help: String::new() })))
        }
    }
}

/// The hierarchy of a column in a folder of files; none if the folder has none for it.
fn from_files(folder: Option<&Path>, name: &str) -> Result<Option<Arc<Hierarchy>>, DatasetError> {
    let Some(folder) = folder else { return Ok(None) };
    match read_directory(folder, &[name]) {
        Ok(hierarchies) => Ok(hierarchies.into_iter().next().map(Arc::new)),
        Err(error) if matches!(error.trouble, FileTrouble::Missing { .. }) => Ok(None),
        Err(error) => Err(DatasetError::HierarchyFile(error)),
    }
}

/// A sensitive attribute, with a hierarchy where a model asks for one.
type Sensitive = (String, Option<Arc<Hierarchy>>);

/// The sensitive attributes, with the hierarchies that models ask for.
fn sensitive(request: &Anonymization<'_>) -> Result<Vec<Sensitive>, DatasetError> {
    let wants = |name: &String| {
        request.models.iter().any(|model| {
            matches!(model.name(), "hierarchical-t" | "ordered-t")
                && model.attribute.as_ref().is_none_or(|attribute| attribute == name)
        })
    };
    let with_hierarchy = |name: &String| {
        let hierarchy = if wants(name) { from_files(request.hierarchies, name)? } else { None };
        Ok((name.clone(), hierarchy))
    };
    request.sensitive.iter().map(with_hierarchy).collect()
}

fn count_tuples(
    source: &Source,
    population: Option<&Source>,
    roles: &Roles,
    job: &Job<'_>,
) -> Result<Counted, DatasetError> {
    let persons: Option<(PathBuf, File)> =
        population.map(|source| Ok::<_, DatasetError>((source.path.clone(), open(source)?))).transpose()?;
    let file = persons.map(|(_, file)| file);
    match (source.format, population.map(|population| population.format)) {
        (Format::Parquet, None | Some(Format::Parquet)) => {
            table::count_parquet(open(source)?, file, roles, job)
        }
        (Format::Csv, None | Some(Format::Csv)) => table::count_csv(open(source)?, file, roles, job),
        _ => {
            let path = source.path.display().to_string();
            return Err(SourceError::Later { path, format: "a population table of another format" }.into());
        }
    }
    .map_err(|error| in_file(&source.path, error))
}
