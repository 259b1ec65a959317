//! Sets of CPUs are read as the kernel writes them, and written as it reads them.

use super::super::cpu_set::CpuSet;

fn cpus(text: &str) -> Option<Vec<usize>> {
    Some(CpuSet::from_list(text)?.iter().collect())
}

#[test]
fn lists_and_masks_are_read() {
    assert_eq!(cpus("0-2,5\n"), Some(vec![0, 1, 2, 5]));
    assert_eq!(cpus(""), Some(vec![]));
    assert_eq!(cpus("(null)"), Some(vec![]));
    for odd in ["a", "1-", "-1", "0-99999999", "1,,b"] {
        assert_eq!(cpus(odd), None, "{odd}");
    }
    let mask = |text: &str| CpuSet::from_mask(text).map(|set| set.to_string());
    assert_eq!(mask("f"), Some("0-3".into()));
    assert_eq!(mask("1,00000000"), Some("32".into()));
    assert_eq!(mask("00000000,00000000"), Some(String::new()));
    assert_eq!(mask(""), None);
    assert_eq!(mask("xyz"), None);
    assert_eq!(mask(&"f".repeat(2049)), None, "more CPUs than any kernel has");
}

#[test]
fn what_is_written_is_read_back() {
    for text in ["0", "0-3", "1,3,5", "0-31", "31-32", "0,64-127,200"] {
        let set = CpuSet::from_list(text).expect("a list");
        assert_eq!(set.to_string(), text);
        assert_eq!(CpuSet::from_mask(&set.mask()), Some(set.clone()), "{}", set.mask());
    }
    assert_eq!(CpuSet::from_list("33").expect("a list").mask(), "2,00000000");
    assert_eq!(CpuSet::default().mask(), "0");
}
