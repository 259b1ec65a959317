//! `tuning.md` has the sections that findings point to, in the order in which they are told.

use std::collections::BTreeSet;
use std::path::Path;

use super::super::check::TITLE_CHARACTERS_MAX;
use super::super::checks::CHECKS;

/// The link to each heading: lower case, without punctuation, spaces as hyphens.
fn anchors(page: &str) -> Vec<String> {
    let is_kept = |character: &char| character.is_alphanumeric() || " -_".contains(*character);
    let headings = page.lines().filter_map(|line| line.strip_prefix("## "));
    headings
        .map(|text| text.to_lowercase().chars().filter(is_kept).collect::<String>().replace(' ', "-"))
        .collect()
}

fn page() -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("tuning.md"))
        .expect("the page is there")
}

#[test]
fn each_check_has_its_section_and_both_are_in_the_same_order() {
    let anchors = anchors(&page());
    let places: Vec<usize> = CHECKS
        .iter()
        .map(|check| {
            let place = anchors.iter().position(|anchor| anchor == check.anchor);
            place.unwrap_or_else(|| panic!("tuning.md has no section {}", check.anchor))
        })
        .collect();
    assert!(places.is_sorted(), "checks: {:?}", CHECKS.iter().map(|check| check.name).collect::<Vec<_>>());
}

#[test]
fn each_section_stands_in_the_table_and_says_all_that_it_should() {
    let page = page();
    for section in page.split("\n## ").skip(1) {
        let title = section.lines().next().expect("a heading");
        let anchor = &anchors(&format!("## {title}"))[0];
        assert!(page.contains(&format!("](#{anchor})")), "the table has no link to {title}");
        for label in ["**Set.**", "**Check.**", "**Effect.**", "**When not.**"] {
            assert!(section.contains(label), "{title} has no {label}");
        }
    }
}

#[test]
fn names_of_checks_are_unique_and_their_texts_are_sentences() {
    let names: BTreeSet<&str> = CHECKS.iter().map(|check| check.name).collect();
    assert_eq!(names.len(), CHECKS.len());
    for check in CHECKS {
        assert!(check.why.ends_with('.'), "{}", check.name);
        assert!(check.title.len() <= TITLE_CHARACTERS_MAX, "{} fits its column", check.title);
    }
}
