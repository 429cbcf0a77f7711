//! The versions of etcd that are good enough.

/// First version that is good: older ones have known defects that lose or corrupt data.
const OLDEST: [u32; 3] = [3, 4, 20];

/// Versions of 3.5 before this one corrupt data when a member is killed.
const OLDEST_OF_3_5: [u32; 3] = [3, 5, 3];

/// Checks the version of a member, such as `3.4.23`. The error says what to do.
pub fn check_version(version: &str) -> Result<(), String> {
    let Some(numbers) = parse(version) else {
        return Err(format!("{version:?} is no version of etcd: 3.4.20 or newer is wanted"));
    };
    if numbers < OLDEST {
        return Err(format!("etcd {version} is too old: upgrade it to 3.4.20 or newer"));
    }
    if numbers[..2] == OLDEST_OF_3_5[..2] && numbers < OLDEST_OF_3_5 {
        return Err(format!("etcd {version} is known to corrupt data: upgrade it to 3.5.3 or newer"));
    }
    Ok(())
}

/// Returns the three numbers of a version. What follows them, as in `3.6.0-rc.1`, does not count.
fn parse(version: &str) -> Option<[u32; 3]> {
    let plain = version.split(['-', '+']).next()?;
    let numbers = plain.split('.').map(|part| part.parse().ok()).collect::<Option<Vec<u32>>>()?;
    numbers.try_into().ok()
}
