//! The address of a cluster, and the versions of etcd.

use wachat::cluster::{ClusterUrl, check_version};

#[test]
fn an_address_names_endpoints_and_the_prefix_of_the_keys() {
    let text = "http://10.0.0.1:2379,http://etcd-2.example:2379,http://[::1]:2379/class/one";
    let url: ClusterUrl = text.parse().expect("an address");
    let endpoints = ["http://10.0.0.1:2379", "http://etcd-2.example:2379", "http://[::1]:2379"];
    assert_eq!((url.endpoints(), url.prefix()), (&endpoints.map(str::to_owned)[..], "/class/one"));
    assert_eq!(url.to_string(), text);
    let url: ClusterUrl = "https://a:1/class/".parse().expect("an address");
    assert_eq!((url.prefix(), url.to_string().as_str()), ("/class", "https://a:1/class"));
}

#[test]
fn a_wrong_address_is_refused_with_what_is_wanted() {
    let long = format!("http://a:1/{}", "x".repeat(100));
    for (text, why) in [
        ("", "begins with http://"),
        ("a:2379/class", "begins with http://"),
        ("ftp://a:2379/class", "begins with http://"),
        ("http://a:2379,/class", "begins with http://"),
        ("http://a:2379,https://b:2379/class", "all http or all https"),
        ("http://a/class", "port"),
        ("http://a:0/class", "port"),
        ("http://a:+1/class", "port"),
        ("http://a:70000/class", "port"),
        ("http://:2379/class", "no name"),
        ("http://[1.2.3.4]:2379/class", "no name"),
        ("http://a b:2379/class", "no name"),
        ("http://a?:2379/class", "no name"),
        ("http://user:word@a:2379/class", "user and password"),
        ("http://a:2379", "it has none"),
        ("http://a:2379/", "it has none"),
        ("http://a:2379/class,http://b:2379", "once, after the last"),
        ("http://a:2379//class", "single slashes"),
        ("http://a:2379/cl%61ss", "letters"),
        ("http://a:2379/class?x", "letters"),
        (&long, "at most 100 bytes"),
    ] {
        let error = text.parse::<ClusterUrl>().expect_err(text);
        assert!(error.contains(why), "{text}: {error}");
    }
}

#[test]
fn versions_of_etcd_that_lose_data_are_refused() {
    for good in ["3.4.20", "3.4.23", "3.5.3", "3.5.17", "3.6.0", "3.6.0-rc.1", "4.0.0"] {
        assert_eq!(check_version(good), Ok(()), "{good}");
    }
    for (bad, advice) in [
        ("3.3.27", "3.4.20 or newer"),
        ("3.4.19", "3.4.20 or newer"),
        ("2.9.99", "3.4.20 or newer"),
        ("3.5.0", "3.5.3 or newer"),
        ("3.5.2", "3.5.3 or newer"),
        ("3.5.2-rc.1", "3.5.3 or newer"),
        ("", "no version"),
        ("3.4", "no version"),
        ("3.4.x", "no version"),
        ("3.4.23.1", "no version"),
    ] {
        let error = check_version(bad).expect_err(bad);
        assert!(error.contains(advice), "{bad}: {error}");
    }
}
