//! Every known way to write an address that must not be reached.

use firsthand_adapters::outbound::{Connector, Policy, UrlRefused};

/// Hosts of URLs that must be refused without asking DNS.
pub(crate) const HOSTS: [&str; 92] = [
    // This machine, in every spelling.
    "127.0.0.1",
    "127.0.0.2",
    "127.255.255.254",
    "127.1",
    "127.0.1",
    "2130706433",
    "0x7f000001",
    "0X7F.1",
    "0x7f.0x0.0x0.0x1",
    "017700000001",
    "0177.0.0.1",
    "0177.0.0.01",
    "127.0.0.1.",
    "127.000.000.001",
    "127.0.0.0x1",
    "１２７.０.０.１",
    "①②⑦.⓪.⓪.①",
    "127。0。0。1",
    "127．0．0．1",
    "127｡0｡0｡1",
    "１２７。０。０。１",
    "0",
    "0.0.0.0",
    "0.0.0.1",
    "0.255.255.255",
    "0x0",
    "00000000000",
    // Private networks and carriers.
    "10.0.0.1",
    "10.255.255.255",
    "0xa000001",
    "012.0.0.1",
    "172.16.0.1",
    "172.31.255.255",
    "2886729729",
    "192.168.0.1",
    "192.168.1",
    "0xc0a80001",
    "100.64.0.1",
    "100.127.255.255",
    // Metadata.
    "169.254.169.254",
    "169.254.170.2",
    "2852039166",
    "0xa9fea9fe",
    "0251.0376.0251.0376",
    "169.254.43518",
    "①⑥⑨.②⑤④.①⑥⑨.②⑤④",
    "192.0.0.192",
    "168.63.129.16",
    "100.100.100.200",
    "[fd00:ec2::254]",
    // Nowhere.
    "192.0.2.1",
    "198.51.100.1",
    "203.0.113.1",
    "198.18.0.1",
    "198.19.255.255",
    "192.88.99.1",
    "224.0.0.1",
    "239.255.255.255",
    "240.0.0.1",
    "255.255.255.255",
    "0xffffffff",
    // IPv6.
    "[::]",
    "[::1]",
    "[0:0:0:0:0:0:0:1]",
    "[0000::0001]",
    "[::ffff:127.0.0.1]",
    "[::ffff:7f00:1]",
    "[::ffff:169.254.169.254]",
    "[::ffff:8.8.8.8]",
    "[::127.0.0.1]",
    "[::8.8.8.8]",
    "[::ffff:0:127.0.0.1]",
    "[64:ff9b::127.0.0.1]",
    "[64:ff9b::a9fe:a9fe]",
    "[64:ff9b:1::1]",
    "[2002:7f00:1::]",
    "[2002:a9fe:a9fe::1]",
    "[2001::1]",
    "[2001:0:7f00:1::]",
    "[2001:10::1]",
    "[2001:20::1]",
    "[2001:2::1]",
    "[2001:db8::1]",
    "[3fff::1]",
    "[5f00::1]",
    "[100::1]",
    "[fe80::1]",
    "[fec0::1]",
    "[fc00::1]",
    "[fdff::1]",
    "[ff02::1]",
    "[4000::1]",
];

/// URLs that must be refused for another reason than their address.
const URLS: [(&str, UrlRefused); 50] = [
    ("", UrlRefused::Malformed),
    ("example.com", UrlRefused::Malformed),
    ("//example.com/", UrlRefused::Malformed),
    ("https:example.com", UrlRefused::Malformed),
    ("https:/example.com/", UrlRefused::Malformed),
    ("https:///example.com/", UrlRefused::Host),
    ("https://", UrlRefused::Host),
    ("https://?a", UrlRefused::Host),
    ("http://example.com/", UrlRefused::Scheme),
    ("file:///etc/passwd", UrlRefused::Scheme),
    ("gopher://example.com/_x", UrlRefused::Scheme),
    ("ftp://example.com/", UrlRefused::Scheme),
    ("data:text/plain,x", UrlRefused::Scheme),
    ("javascript:alert(1)", UrlRefused::Scheme),
    ("unix:/run/docker.sock", UrlRefused::Scheme),
    ("http+unix://%2Frun%2Fdocker.sock/", UrlRefused::Scheme),
    ("wss://example.com/", UrlRefused::Scheme),
    ("https://user@example.com/", UrlRefused::UserInfo),
    ("https://user:password@example.com/", UrlRefused::UserInfo),
    ("https://@example.com/", UrlRefused::UserInfo),
    ("https://example.com@127.0.0.1/", UrlRefused::UserInfo),
    ("https://example.com:443@127.0.0.1/", UrlRefused::UserInfo),
    ("https://example.com\\@127.0.0.1/", UrlRefused::Malformed),
    ("https:\\\\example.com\\", UrlRefused::Malformed),
    ("https://example.com/#x", UrlRefused::Fragment),
    ("https://example.com/#", UrlRefused::Fragment),
    ("https://example.com#@127.0.0.1/", UrlRefused::Fragment),
    ("https://example.com:22/", UrlRefused::Port),
    ("https://example.com:25/", UrlRefused::Port),
    ("https://example.com:80/", UrlRefused::Port),
    ("https://example.com:6379/", UrlRefused::Port),
    ("https://example.com:0/", UrlRefused::Port),
    ("https://example.com:65536/", UrlRefused::Port),
    ("https://example.com:4434/", UrlRefused::Port),
    ("https://exam\nple.com/", UrlRefused::Malformed),
    ("https://example.com/a\r\nHost: internal", UrlRefused::Malformed),
    ("https://example.com/a b", UrlRefused::Malformed),
    (" https://example.com/", UrlRefused::Malformed),
    ("https://example.com/\u{0}", UrlRefused::Malformed),
    ("https://[fe80::1%25eth0]/", UrlRefused::Host),
    ("https://[fe80::1%eth0]/", UrlRefused::Host),
    ("https://%31%32%37.0.0.1/", UrlRefused::Host),
    ("https://1.2.3.4.5/", UrlRefused::Host),
    ("https://256.256.256.256/", UrlRefused::Host),
    ("https://example..com/", UrlRefused::Host),
    ("https://.example.com/", UrlRefused::Host),
    ("https://exa$mple.com/", UrlRefused::Host),
    ("https://[::1/", UrlRefused::Host),
    ("https://[v1.a]/", UrlRefused::Host),
    ("https://xn--a/", UrlRefused::Host),
];

/// Names that have no public address.
pub(crate) const LOCAL_NAMES: [&str; 20] = [
    "localhost",
    "localhost.",
    "LOCALHOST",
    "ⓛⓞⓒⓐⓛⓗⓞⓢⓣ",
    "a.localhost",
    "localhost.localdomain",
    "intranet",
    "router",
    "postgres",
    "metadata",
    "printer.local",
    "a.b.internal",
    "metadata.google.internal",
    "metadata.google.internal.",
    "1.0.0.127.in-addr.arpa",
    "home.arpa",
    "kubernetes.default.svc.cluster.local",
    "nas.lan",
    "x.onion",
    "git.corp",
];

const GOOD: [(&str, &str); 12] = [
    ("https://example.com", "https://example.com/"),
    ("HTTPS://Example.COM:443/Hook", "https://example.com/Hook"),
    ("https://example.com:8443/hook?key=a%20b", "https://example.com:8443/hook?key=a%20b"),
    ("https://example.com./hook", "https://example.com/hook"),
    ("https://bücher.example/", "https://xn--bcher-kva.example/"),
    ("https://hooks_1.example.co.uk/a/../b", "https://hooks_1.example.co.uk/b"),
    ("https://localhost.example.com/", "https://localhost.example.com/"),
    ("https://8.8.8.8/", "https://8.8.8.8/"),
    ("https://[2606:4700:4700::1111]/x", "https://[2606:4700:4700::1111]/x"),
    ("https://127.0.0.1.example.com/", "https://127.0.0.1.example.com/"),
    ("https://example.com/user@host", "https://example.com/user@host"),
    ("https://example.com/ü?ä", "https://example.com/%C3%BC?%C3%A4"),
];

fn production() -> Connector {
    Connector::new(Policy::production()).unwrap()
}

#[tokio::test]
async fn no_spelling_of_a_forbidden_address_is_let_in() {
    let connector = production();
    for host in HOSTS {
        for url in [format!("https://{host}/"), format!("https://{host}:8443/a?b")] {
            let refused = connector.parse(&url).map(|target| target.to_string());
            assert_eq!(refused, Err(UrlRefused::Address), "{url}");
        }
    }
}

#[tokio::test]
async fn no_name_without_a_public_address_is_let_in() {
    let connector = production();
    for name in LOCAL_NAMES {
        let refused = connector.parse(&format!("https://{name}/"));
        assert_eq!(refused, Err(UrlRefused::LocalName), "{name}");
    }
}

#[tokio::test]
async fn no_trick_with_urls_is_let_in() {
    let connector = production();
    for (url, reason) in URLS {
        assert_eq!(connector.parse(url), Err(reason), "{url:?}");
    }
    let long = format!("https://example.com/{}", "a".repeat(2029));
    assert_eq!(connector.parse(&long), Err(UrlRefused::TooLong));
    let swelling = format!("https://example.com/{}", "ü".repeat(1000));
    assert_eq!(connector.parse(&swelling), Err(UrlRefused::TooLong));
}

#[tokio::test]
async fn good_urls_are_let_in_and_brought_into_one_form() {
    let connector = production();
    for (url, normal) in GOOD {
        let target = connector.parse(url).unwrap();
        assert_eq!(target.to_string(), normal, "{url}");
        assert_eq!(connector.parse(normal).unwrap(), target, "{url}");
    }
    let longest = format!("https://example.com/{}", "a".repeat(2028));
    assert!(connector.parse(&longest).is_ok());
}

#[tokio::test]
async fn a_developer_reaches_his_machine_but_no_metadata() {
    let connector = Connector::new(Policy::development()).unwrap();
    for url in ["http://127.0.0.1:9/", "http://[::1]:9/", "http://localhost:9/", "http://web/"] {
        assert!(connector.parse(url).is_ok(), "{url}");
    }
    for host in ["169.254.169.254", "168.63.129.16", "100.100.100.200", "[fd00:ec2::254]", "0"] {
        let refused = connector.parse(&format!("http://{host}/"));
        assert_eq!(refused, Err(UrlRefused::Address), "{host}");
    }
}

#[tokio::test]
async fn a_target_of_a_lenient_connector_is_refused_by_a_strict_one() {
    let lenient = Connector::new(Policy::development()).unwrap();
    let target = lenient.parse("https://127.0.0.1/").unwrap();
    let exchange = production().post(&target, hyper::HeaderMap::new(), bytes::Bytes::new()).await;
    assert_eq!(exchange.error.unwrap().as_str(), "url_refused");
    assert_eq!(exchange.address, None);
}
