//! Deals students to groups: evenly, and the same way each time.

/// Returns the group of each student. Those who have `chosen` one get it; the others go, in their order, to the group
/// that has the fewest students then, the first one of those.
pub fn deal(chosen: &[Option<u16>], groups: u16) -> Vec<u16> {
    let mut sizes: Vec<usize> =
        (1..=groups).map(|group| chosen.iter().filter(|chosen| **chosen == Some(group)).count()).collect();
    let mut next = || {
        let smallest = sizes.iter_mut().zip(1..).min_by_key(|(size, _)| **size);
        smallest.map_or(1, |(size, group)| {
            *size += 1;
            group
        })
    };
    chosen.iter().map(|chosen| chosen.unwrap_or_else(&mut next)).collect()
}
