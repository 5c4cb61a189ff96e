//! `medveil assess` against a population: its size, or a table of it.

use super::Home;

/// 400 records of 200 and more persons; the first 40 are the table.
fn population() -> (String, String) {
    let header = "sex,age,district\n";
    let rows: Vec<String> = (0..400_u32)
        .map(|i| format!("{},{},d{}\n", if i % 3 == 0 { "f" } else { "m" }, 20 + (i * i) % 37, (i * 7) % 11))
        .collect();
    (header.to_owned() + &rows[..40].concat(), header.to_owned() + &rows.concat())
}

fn home() -> Home {
    let home = Home::new();
    let (table, population) = population();
    home.write("table.csv", table);
    home.write("population.csv", population);
    home
}

const ASSESS: [&str; 4] = ["assess", "table.csv", "--quasi-identifiers", "sex,age,district"];

#[test]
fn the_size_of_the_population_gives_estimates_with_intervals() {
    let home = home();
    let said = home.ok(&[&ASSESS[..], &["--population", "400", "--json"]].concat());
    let assessment = &said.json()["assessment"];
    let population = &assessment["figures"]["population"];
    assert_eq!(population["from"], "size");
    assert_eq!(population["population"], 400);
    let share = &population["uniques"]["share"];
    let (low, value, high) = (share["low"].as_f64(), share["value"].as_f64(), share["high"].as_f64());
    assert!(low <= value && value <= high && high <= population["ceiling"].as_f64(), "{population}");
    assert_eq!(population["methods"].as_array().map(Vec::len), Some(3));
    assert!(assessment["evaluation"]["journalist_within"].is_boolean());
    // A tenth of the population is the same.
    let fraction = home.ok(&[&ASSESS[..], &["--sampling-fraction", "0.1", "--json"]].concat());
    assert_eq!(&fraction.json()["assessment"]["figures"]["population"], population);
    let text = home.ok(&[&ASSESS[..], &["--population", "400"]].concat()).stdout;
    assert!(
        text.contains("unique in the population (estimated)") && text.contains("simple random sample"),
        "{text}"
    );
}

#[test]
fn a_population_table_is_counted() {
    let home = home();
    let said = home.ok(&[&ASSESS[..], &["--population-table", "population.csv", "--json"]].concat());
    let figures = said.json()["assessment"]["figures"].clone();
    let population = &figures["population"];
    assert_eq!((population["from"].as_str(), population["population"].as_u64()), (Some("table"), Some(400)));
    let k = population["k_map"].as_u64().unwrap();
    assert_eq!(figures["journalist"]["maximum"].as_f64(), Some(1.0 / k as f64));
    assert_eq!(population["beyond"]["value"].as_f64(), Some(0.0));
    assert!(figures["marketer"]["value"].as_f64() < figures["prosecutor"]["average"]["value"].as_f64());
    // The whole population is its own.
    let whole = ["assess", "population.csv", "--quasi-identifiers", "sex,age,district"];
    let said = home.ok(&[&whole[..], &["--population-table", "population.csv", "--json"]].concat());
    let figures = said.json()["assessment"]["figures"].clone();
    assert_eq!(figures["journalist"], figures["prosecutor"]);
    assert_eq!(figures["population"]["unique_records"], figures["uniques"]);
}

#[test]
fn what_is_no_population_is_refused_with_its_reason() {
    let home = home();
    let refuses = |options: &[&str], wanted: &str| {
        let said = home.run(&[&ASSESS[..], options].concat());
        assert_eq!(said.code, Some(2), "{options:?}: {}", said.all());
        assert!(said.stderr.contains(wanted), "`{wanted}` is not in: {}", said.stderr);
    };
    refuses(&["--population", "39"], "the population has 39 persons, fewer than the 40 records of the table");
    refuses(&["--population", "0"], "--population");
    refuses(&["--sampling-fraction", "1.5"], "greater than 0 and at most 1");
    refuses(&["--population", "400", "--sampling-fraction", "0.1"], "cannot be used with");
    home.write("other.csv", "sex,age\nf,30\n");
    refuses(&["--population-table", "other.csv"], "district");
    refuses(&["--population-table", "none.csv"], "none.csv");
}
