//! What is made up obeys the rules that the rest of the product detects by.

use medveil_deid::code::icd10::Category;
use medveil_deid::code::{division, mainland_phone, postcode};
use medveil_synth::Hospital;

/// Two seeds, so that two cities take part.
fn check(each: impl Fn(&medveil_synth::Patient)) {
    for seed in [1, 2] {
        let hospital = Hospital::new(seed);
        (0..400).for_each(|index| each(&hospital.patient(index)));
    }
}

#[test]
fn addresses_are_read_back_to_the_county() {
    check(|patient| {
        let address = patient.address.full();
        let found = division::find_in_address(&address).map(|found| found.code);
        assert_eq!(found, Some(patient.address.place.code), "{address}");
    });
}

#[test]
fn postcodes_are_of_the_province() {
    check(|patient| {
        let place = &patient.address.place;
        let province = postcode::province(&format!("{:06}", place.postcode));
        assert_eq!(province, Some(place.code / 10_000 * 10_000), "{} {}", place.county, place.postcode);
    });
}

#[test]
fn phones_are_mobile_numbers() {
    check(|patient| {
        for phone in [patient.phone, patient.social.contact.phone] {
            assert_eq!(
                mainland_phone::parse(&phone.to_string()),
                Some(mainland_phone::Phone::Mobile),
                "{phone}"
            );
        }
    });
}

#[test]
fn diagnoses_lie_in_blocks_of_icd_10() {
    check(|patient| {
        for diagnosis in patient.visits.iter().flat_map(|visit| &visit.diagnoses) {
            for code in [diagnosis.disease.code, diagnosis.disease.international()] {
                assert!(Category::of(code).and_then(Category::block).is_some(), "{code}");
            }
        }
    });
}
