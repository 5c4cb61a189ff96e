//! Which type each element of FHIR R4 (4.0.1) has.
//!
//! The table beside this file lists the elements of every resource, data type and backbone element. It is read once,
//! in a few milliseconds, into vectors with the inherited elements written out, so that one binary search answers what a JSON
//! property of an object is. A choice element such as `Observation.value[x]` stands there once for each of its types:
//! `valueQuantity` is the element `value` of type `Quantity`.

use std::collections::HashSet;
use std::sync::OnceLock;

use foldhash::{HashMap, HashMapExt};

use super::name::Name;

/// A type of the [`Model`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TypeId(u16);

impl TypeId {
    /// What is not in the model: an unknown element, or JSON of a shape that its element cannot have.
    pub const UNKNOWN: TypeId = TypeId(u16::MAX);

    /// The place of the type in [`Model::types`].
    pub(super) fn index(self) -> usize {
        usize::from(self.0)
    }
}

/// What a type is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Category {
    /// A value with a JSON scalar: `date`, `string`, ...
    Primitive,
    /// A data type or backbone element.
    Complex,
    /// A resource, which is processed on its own wherever it stands.
    Resource,
}

/// One type.
#[derive(Debug)]
pub struct Type {
    /// The name; that of a backbone element is its path, such as `Patient.contact`.
    pub name: &'static str,
    /// What the type is made of.
    pub category: Category,
    /// The type that this one specialises.
    pub base: Option<TypeId>,
    /// The elements, those of the bases included, sorted by property.
    pub elements: Vec<Element>,
    /// Whether a resource can stand somewhere inside, as `contained` or in an entry.
    pub holds_resources: bool,
}

/// One element of a type, as a property of its JSON object.
#[derive(Clone, Debug)]
pub struct Element {
    /// The JSON property, such as `valueQuantity`.
    pub property: String,
    /// The element's name in FHIRPath, such as `value`.
    pub name: &'static str,
    /// Its type; for `contained` and the like the base `Resource`.
    pub ty: TypeId,
    /// Whether it may repeat.
    pub list: bool,
    /// Whether an object without it is invalid.
    pub required: bool,
}

/// The types of FHIR R4.
#[derive(Debug)]
pub struct Model {
    types: Vec<Type>,
    by_name: HashMap<&'static str, TypeId>,
    names: HashSet<&'static str>,
    /// The resource types, by the hash of their names; open addressing.
    resources: Vec<Option<(Name, TypeId)>>,
    resource: TypeId,
    element: TypeId,
}

impl Model {
    /// The model of FHIR R4 (4.0.1).
    pub fn r4() -> &'static Model {
        static MODEL: OnceLock<Model> = OnceLock::new();
        MODEL.get_or_init(|| Model::read(include_str!("r4_model.txt")))
    }

    /// The type of that name.
    pub fn find(&self, name: &str) -> Option<TypeId> {
        self.by_name.get(name).copied()
    }

    /// The resource type of that name; the abstract bases are none.
    pub fn find_resource(&self, name: &str) -> Option<TypeId> {
        let wanted = Name::of(name.as_bytes());
        let mut at = wanted.hash() % RESOURCE_SLOTS;
        while let Some((found, ty)) = self.resources[at] {
            if found == wanted && (wanted.is_whole() || self.get(ty).name == name) {
                return Some(ty);
            }
            at = (at + 1) % RESOURCE_SLOTS;
        }
        None
    }

    /// A type of the model.
    ///
    /// # Panics
    /// For [`TypeId::UNKNOWN`], which callers handle before.
    pub fn get(&self, ty: TypeId) -> &Type {
        &self.types[usize::from(ty.0)]
    }

    /// The name that FHIRPath gives to the type of a node; that of a backbone element is `BackboneElement`.
    pub fn instance_name(&self, ty: TypeId) -> &'static str {
        if ty == TypeId::UNKNOWN {
            return "";
        }
        let found = self.get(ty);
        match found.base {
            Some(base) if found.name.contains('.') => self.get(base).name,
            _ => found.name,
        }
    }

    /// The element that a JSON property of an object of this type is.
    pub fn element(&self, ty: TypeId, property: &str) -> Option<&Element> {
        if ty == TypeId::UNKNOWN {
            return None;
        }
        let elements = &self.get(ty).elements;
        elements.binary_search_by(|e| e.property.as_str().cmp(property)).ok().map(|i| &elements[i])
    }

    /// Whether `ty` is `ancestor` or specialises it.
    pub fn is_a(&self, ty: TypeId, ancestor: TypeId) -> bool {
        let mut at = Some(ty).filter(|ty| *ty != TypeId::UNKNOWN);
        while let Some(ty) = at {
            if ty == ancestor {
                return true;
            }
            at = self.get(ty).base;
        }
        false
    }

    /// What the type is made of; the unknown counts as complex.
    pub fn category(&self, ty: TypeId) -> Category {
        if ty == TypeId::UNKNOWN { Category::Complex } else { self.get(ty).category }
    }

    /// The base of all resources.
    pub fn resource(&self) -> TypeId {
        self.resource
    }

    /// The base of all data types, which is also the type of a primitive's `_` sibling.
    pub fn base_element(&self) -> TypeId {
        self.element
    }

    /// Whether the word is the name of a type, an element or a JSON property, so that it may be shown in a message.
    pub fn knows(&self, word: &str) -> bool {
        self.names.contains(word) || self.by_name.contains_key(word)
    }

    /// Every type.
    pub fn types(&self) -> impl Iterator<Item = (TypeId, &Type)> {
        self.types.iter().enumerate().map(|(i, ty)| (id(i), ty))
    }

    fn is_abstract(&self, ty: TypeId) -> bool {
        matches!(self.get(ty).name, "Resource" | "DomainResource")
    }

    fn read(text: &'static str) -> Model {
        let definitions = definitions(text);
        let any: Vec<&str> = definitions[0][1..].to_vec();
        let mut by_name = HashMap::new();
        let mut types: Vec<Type> = Vec::new();
        for definition in &definitions[1..] {
            let (name, _) = head(definition[0]);
            by_name.insert(name, id(types.len()));
            types.push(Type {
                name,
                category: Category::Complex,
                base: None,
                elements: Vec::new(),
                holds_resources: false,
            });
        }
        for (at, definition) in definitions[1..].iter().enumerate() {
            // INVARIANT: the table lists a base before what specialises it, or a base without further elements of its own.
            types[at].base = head(definition[0]).1.map(|base| by_name[base]);
            for token in &definition[1..] {
                add(token, &any, at, &mut types, &mut by_name);
            }
        }
        let mut model = Model {
            resource: by_name["Resource"],
            element: by_name["Element"],
            names: HashSet::new(),
            resources: vec![None; RESOURCE_SLOTS],
            types,
            by_name,
        };
        model.finish();
        model
    }

    /// Writes inherited elements out and marks resources.
    fn finish(&mut self) {
        let own: Vec<Vec<Element>> = self.types.iter().map(|ty| ty.elements.clone()).collect();
        for at in 0..self.types.len() {
            let mut base = self.types[at].base;
            while let Some(ty) = base {
                let inherited = own[usize::from(ty.0)].iter().cloned();
                self.types[at].elements.extend(inherited);
                base = self.get(ty).base;
            }
            self.types[at].elements.sort_by(|a, b| a.property.cmp(&b.property));
            if self.is_a(id(at), self.resource) {
                self.types[at].category = Category::Resource;
            }
        }
        for at in (0..self.types.len()).map(id) {
            if self.category(at) == Category::Resource && !self.is_abstract(at) {
                let name = Name::of(self.get(at).name.as_bytes());
                let mut slot = name.hash() % RESOURCE_SLOTS;
                while self.resources[slot].is_some() {
                    slot = (slot + 1) % RESOURCE_SLOTS;
                }
                self.resources[slot] = Some((name, at));
            }
        }
        // Nothing but entries and parameters nests: a few rounds reach the fixed point.
        let mut grows = true;
        while std::mem::take(&mut grows) {
            for at in 0..self.types.len() {
                let holds = |e: &Element| e.ty == self.resource || self.get(e.ty).holds_resources;
                let found = self.types[at].elements.iter().any(holds);
                grows |= found && !std::mem::replace(&mut self.types[at].holds_resources, found);
            }
        }
        self.names = own.iter().flatten().map(|e| e.name).collect();
        let properties = self.types.iter().flat_map(|ty| &ty.elements).filter(|e| e.property != e.name);
        // A few hundred choice properties live as long as the model, which is never dropped.
        self.names.extend(properties.map(|e| &*Box::leak(e.property.clone().into_boxed_str())));
    }
}

/// Far more than there are resource types; a power of two.
const RESOURCE_SLOTS: usize = 1024;

fn id(index: usize) -> TypeId {
    TypeId(u16::try_from(index).expect("the table has some seven hundred types"))
}

/// The definitions of the table, each as its words; continuation lines are indented.
fn definitions(text: &'static str) -> Vec<Vec<&'static str>> {
    let mut all: Vec<Vec<&str>> = Vec::new();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        match all.last_mut() {
            Some(last) if line.starts_with(' ') => last.extend(line.split_whitespace()),
            _ => all.push(line.split_whitespace().collect()),
        }
    }
    all
}

fn head(word: &'static str) -> (&'static str, Option<&'static str>) {
    match word.split_once(':') {
        Some((name, "")) => (name, None),
        Some((name, base)) => (name, Some(base)),
        None => (word, None),
    }
}

fn add(
    token: &'static str,
    any: &[&'static str],
    at: usize,
    types: &mut Vec<Type>,
    by_name: &mut HashMap<&'static str, TypeId>,
) {
    let (name, spec) = token.split_once('=').expect("the table writes element=type");
    let (spec, required) = spec.strip_suffix('!').map_or((spec, false), |spec| (spec, true));
    let (spec, list) = spec.strip_suffix('*').map_or((spec, false), |spec| (spec, true));
    let mut type_of = |name: &'static str| {
        *by_name.entry(name).or_insert_with(|| {
            types.push(Type {
                name,
                category: Category::Primitive,
                base: None,
                elements: Vec::new(),
                holds_resources: false,
            });
            id(types.len() - 1)
        })
    };
    let elements: Vec<Element> = match name.strip_suffix("[x]") {
        None => vec![Element { property: name.to_owned(), name, ty: type_of(spec), list, required }],
        Some(name) => {
            let choices = if spec == "any" { any.to_vec() } else { spec.split('|').collect() };
            let element = |choice: &'static str| {
                let (first, rest) = choice.split_at(1);
                let property = format!("{name}{}{rest}", first.to_ascii_uppercase());
                Element { property, name, ty: type_of(choice), list, required }
            };
            choices.into_iter().map(element).collect()
        }
    };
    types[at].elements.extend(elements);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ty(path: &str) -> &'static str {
        let model = Model::r4();
        let mut words = path.split('.');
        let mut at = model.find(words.next().unwrap()).unwrap();
        for word in words {
            at = model.element(at, word).unwrap_or_else(|| panic!("{path}: no {word}")).ty;
        }
        model.get(at).name
    }

    #[test]
    fn elements_have_the_types_of_the_specification() {
        for (path, expected) in [
            ("Patient.name", "HumanName"),
            ("Patient.birthDate", "date"),
            ("Patient.id", "id"),
            ("Patient.text.div", "xhtml"),
            ("Patient.contact.name.given", "string"),
            ("Observation.valueQuantity.value", "decimal"),
            ("Observation.component.valueDateTime", "dateTime"),
            ("Observation.effectivePeriod.start", "dateTime"),
            ("Condition.onsetAge.value", "decimal"),
            ("Questionnaire.item.item.item.linkId", "string"),
            ("QuestionnaireResponse.item.answer.item.answer.valueUri", "uri"),
            ("Bundle.entry.resource", "Resource"),
            ("Patient.extension.extension.valueAddress.city", "string"),
            ("Patient.meta.lastUpdated", "instant"),
            ("Claim.item.servicedPeriod.end", "dateTime"),
            ("ValueSet.compose.exclude.concept", "ValueSet.compose.include.concept"),
        ] {
            assert_eq!(ty(path), expected, "{path}");
        }
    }

    #[test]
    fn the_table_has_all_resources_of_r4() {
        let model = Model::r4();
        let resources = model.types().filter(|(_, t)| t.category == Category::Resource).count();
        // 146 resources (the R4 list of https://hl7.org/fhir/R4/resourcelist.html) and their two abstract bases.
        assert_eq!(resources, 148);
        assert!(model.find_resource("DomainResource").is_none());
        assert!(model.find_resource("HumanName").is_none());
    }

    #[test]
    fn specialisations_and_requirements_are_known() {
        let model = Model::r4();
        let (age, quantity) = (model.find("Age").unwrap(), model.find("Quantity").unwrap());
        assert!(model.is_a(age, quantity) && !model.is_a(quantity, age));
        let contact = model.find("Patient.contact").unwrap();
        assert_eq!(model.instance_name(contact), "BackboneElement");
        assert!(model.element(model.find("Narrative").unwrap(), "div").unwrap().required);
        assert!(model.element(model.find("Patient").unwrap(), "name").unwrap().list);
        assert!(model.knows("valueQuantity") && model.knows("birthDate") && !model.knows("Zhang"));
    }
}
