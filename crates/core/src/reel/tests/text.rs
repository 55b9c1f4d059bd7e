//! PEM, base64 lines, columns of tables.

use super::*;

fn der_of(lines: &[String]) -> usize {
    lines.iter().filter(|line| line.contains(" candidate ")).count()
}

#[test]
fn pem_bundles_are_read_however_they_are_wrapped_in_text() {
    let (one, two) = (pem("CERTIFICATE", &leaf(0)), pem("X509 CERTIFICATE", &leaf(1)));
    let plain = [one.clone(), two.clone()].concat();
    let joined = format!("-----BEGIN CERTIFICATE-----{}-----END CERTIFICATE-----", base64(&leaf(1)));
    for content in [
        plain.clone(),
        plain.replace('\n', "\r\n"),
        plain.replace('\n', "\r"),
        format!("\u{FEFF}{plain}"),
        format!("subject=CN=a\nissuer=CN=b\n{one}\n\n-- and then --\n{two}bye"),
        plain.replace("MII", " \tMII"),
        format!("{one}{joined}"),
        format!("{{\"cert\":\"{}\",\"next\":\"{}\"}}", one.replace('\n', "\\n"), two.replace('\n', "\\n")),
        format!("uid,certificate\n1,\"{one}\"\n2,\"{two}\"\n"),
        plain.trim_end().to_owned(),
    ] {
        assert_eq!(candidates(content.as_bytes()), [leaf(0), leaf(1)], "{content}");
        assert_eq!(held("a.txt", content.as_bytes()), ["@#1 candidate 413", "@#2 candidate 413"]);
    }
    let utf16: Vec<u8> = format!("\u{FEFF}{plain}ü").encode_utf16().flat_map(u16::to_le_bytes).collect();
    assert_eq!(candidates(&utf16), [leaf(0), leaf(1)]);
    let utf16: Vec<u8> = format!("\u{FEFF}{plain}").encode_utf16().flat_map(u16::to_be_bytes).collect();
    assert_eq!(candidates(&utf16), [leaf(0), leaf(1)]);
    assert_eq!(candidates(&[b"\0\x01binary before\n", plain.as_bytes()].concat()), [leaf(0), leaf(1)]);
}

#[test]
fn one_certificate_alone_carries_its_files_name() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("0209B0\u{FC}.pem");
    std::fs::write(&path, pem("CERTIFICATE", &leaf(0))).unwrap();
    let (items, _) = items_of(&Input::Path(path), None, &Limits::default());
    let [Item::Candidate(found)] = &items[..] else { panic!("{items:?}") };
    assert_eq!((found.item.as_str(), found.file_name.as_deref()), ("0209B0%C3%BC.pem", Some("0209B0%C3%BC.pem")));
    let (items, _) = items_of(&Input::Stdin, Some(&[leaf(0), leaf(1)].concat()), &Limits::default());
    let [Item::Candidate(one), Item::Candidate(two)] = &items[..] else { panic!("{items:?}") };
    assert_eq!((one.file_name.as_deref(), two.file_name.as_deref()), (None, None));
}

#[test]
fn a_certificate_block_that_cannot_be_read_is_a_rejection_between_its_neighbours() {
    let good = pem("CERTIFICATE", &leaf(0));
    let expect = |bad: &str, code: &str| {
        let content = [&good, bad, &good].concat();
        let expected = ["@#1 candidate 413".into(), format!("@#2 rejected reel.{code}"), "@#3 candidate 413".into()];
        assert_eq!(held("a.pem", content.as_bytes()), expected, "{bad}");
    };
    expect(&good.replacen("MII", "M*I", 1), "pem.base64");
    expect(&good.replacen("MII", "MI", 1), "pem.base64");
    expect(&good.replacen("MII", "Proc-Type: 4,CLEAR\n\nMII", 1), "pem.base64");
    expect("-----BEGIN CERTIFICATE-----\nMI=II\n-----END CERTIFICATE-----\n", "pem.base64");
    // RFC 4648 §3.5: bits behind the last byte must be zero.
    expect("-----BEGIN CERTIFICATE-----\nMIIB\nMB==\n-----END CERTIFICATE-----\n", "pem.base64");
    expect(&good.replace("END CERTIFICATE", "END X509 CERTIFICATE"), "pem.label-mismatch");
    expect(&good.replace("END CERTIFICATE", "END PUBLIC KEY"), "pem.label-mismatch");
    expect(&good.replace("BEGIN CERTIFICATE", "BEGIN PUBLIC KEY"), "pem.label-mismatch");
    expect(&good.replace("-----END CERTIFICATE-----", ""), "pem.unterminated");
    expect(&good.replace("CERTIFICATE", "TRUSTED CERTIFICATE"), "pem.trusted-certificate");
    let cut = good.replace("-----END CERTIFICATE-----\n", "");
    assert_eq!(held("a.pem", cut.as_bytes()), ["@ rejected reel.pem.unterminated"]);
}

#[test]
fn labels_that_nearly_say_certificate_are_not_passed_over() {
    // A label has 64 characters at most.
    let widest = format!("{:>64}", "CERTIFICATE");
    for label in ["certificate", "X.509 CERTIFICATE", " CERTIFICATE ", &widest] {
        assert_eq!(candidates(pem(label, &leaf(0)).as_bytes()), [leaf(0)]);
    }
    let wider = pem(&format!(" {widest}"), &[0; 30]);
    assert_eq!(held("a.txt", wider.as_bytes()), ["@ ignored reel.text.no-certificate"]);
    // Not boundaries by RFC 7468, and yet the bytes between them are a certificate in base64.
    let sloppy = pem("CERTIFICATE", &leaf(0)).replace("-----B", "----B");
    assert_eq!(candidates(sloppy.as_bytes()), [leaf(0)]);
}

#[test]
fn blocks_of_other_kinds_are_ignored_with_their_label() {
    for label in ["PRIVATE KEY", "PUBLIC KEY", "CERTIFICATE REQUEST", "X509 CRL", "EC PARAMETERS", "\x1b[2J"] {
        let content = [pem(label, &[7; 90]), pem("CERTIFICATE", &leaf(0))].concat();
        assert_eq!(held("a", content.as_bytes()), ["@#1 ignored reel.pem.other-label", "@#2 candidate 413"]);
        let alone = pem(label, &[7; 90]);
        assert_eq!(held("a.txt", alone.as_bytes()), ["@ ignored reel.pem.other-label"]);
        assert_eq!(held("a.pem", alone.as_bytes()), ["@ ignored reel.pem.other-label"], "a .pem file is what it says");
        let lines = held("a.crt", alone.as_bytes());
        assert_eq!(lines, ["@#1 ignored reel.pem.other-label", "@ rejected reel.file.no-certificate"]);
    }
}

#[test]
fn a_certificate_under_another_label_is_not_passed_over() {
    let good = pem("CERTIFICATE", &leaf(0));
    for label in ["CERT", "DEVICE CERTIFICATE", "PUBLIC KEY"] {
        let content = [pem(label, &leaf(1)), good.clone()].concat();
        assert_eq!(held("a", content.as_bytes()), ["@#1 rejected reel.pem.certificate-label", "@#2 candidate 413"]);
    }
    for label in ["PKCS7", "CMS"] {
        assert_eq!(candidates(pem(label, &leaf(1)).as_bytes()), [leaf(1)], "its bytes say what it is");
    }
}

#[test]
fn lines_of_base64_and_of_hexadecimal_are_certificates() {
    let encoded = |encode: &dyn Fn(&[u8]) -> String| (0..3).map(|n| encode(&leaf(n)) + "\n").collect::<String>();
    let expected = [leaf(0), leaf(1), leaf(2)];
    assert_eq!(candidates(encoded(&base64).as_bytes()), expected);
    assert_eq!(candidates(format!("\u{FEFF}{}", encoded(&base64)).as_bytes()), expected);
    assert_eq!(candidates(encoded(&|der| hex::encode(der)).as_bytes()), expected);
    assert_eq!(candidates(encoded(&|der| hex::encode_upper(der)).as_bytes()), expected);
    for prefix in ["0x", "0X", "\\x"] {
        assert_eq!(candidates(encoded(&|der| prefix.to_owned() + &hex::encode(der)).as_bytes()), expected);
    }
    let colons = |der: &[u8]| der.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(":");
    assert_eq!(candidates(encoded(&colons).as_bytes()), expected);
}

#[test]
fn base64_and_hexadecimal_without_armour_may_go_over_several_lines() {
    for width in [60, 64, 76] {
        let wrap = |text: String| {
            let lines = text.as_bytes().chunks(width).map(|line| str::from_utf8(line).unwrap().to_owned());
            lines.collect::<Vec<_>>().join("\r\n") + "\r\n"
        };
        let content = wrap(base64(&leaf(0))) + &wrap(base64(&leaf(1))) + "\n" + &wrap(base64(&leaf(2)));
        assert_eq!(candidates(content.as_bytes()), [leaf(0), leaf(1), leaf(2)]);
        let content = wrap(hex::encode(leaf(0))) + &wrap(hex::encode(leaf(2)));
        assert_eq!(candidates(content.as_bytes()), [leaf(0), leaf(2)]);
    }
}

#[test]
fn a_line_cut_short_does_not_swallow_the_next_one() {
    let cut = &base64(&leaf(0))[..400];
    let content = format!("{cut}\n{}\n", base64(&leaf(1)));
    assert_eq!(held("a.txt", content.as_bytes()), ["@#1 candidate 300", "@#2 candidate 413"]);
}

#[test]
fn columns_of_a_table_carry_certificates() {
    for (separator, quote) in [(",", ""), (";", "\""), ("\t", "'"), ("|", "")] {
        let row = |n: usize| {
            let cells = [format!("{n}"), "MISSING".into(), base64(&leaf(n)), hex::encode([7; 65])];
            cells.map(|cell| format!("{quote}{cell}{quote}")).join(separator)
        };
        let content =
            format!("n{separator}state{separator}certificate{separator}key\n{}\n{}\n{}", row(0), row(1), row(2));
        assert_eq!(candidates(content.as_bytes()), [leaf(0), leaf(1), leaf(2)]);
    }
    let xml = format!("<X509Data><X509Certificate>{}</X509Certificate></X509Data>", base64(&leaf(0)));
    assert_eq!(candidates(xml.as_bytes()), [leaf(0)]);
    let json = format!("{{\"uid\": \"0209\", \"der\": \"{}\"}}", hex::encode(leaf(0)));
    assert_eq!(candidates(json.as_bytes()), [leaf(0)]);
}

#[test]
fn a_damaged_certificate_in_a_column_is_a_rejection() {
    let good = base64(&leaf(0));
    let rows = |bad: &str| format!("uid,certificate\n1,{bad}\n2,{good}\n3,{bad}\n");
    let expect = |bad: &str, code: &str, first: usize| {
        let lines = held("a.csv", rows(bad).as_bytes());
        let rejected = format!("rejected reel.text.{code}");
        assert_eq!(lines.len(), 3, "{lines:?}");
        assert!(lines[first].ends_with(&rejected) && lines[2].ends_with(&rejected), "{lines:?}");
        assert_eq!(der_of(&lines), 1);
    };
    expect(&good.replacen("MIIB", "MIIB-", 1).replacen("MIIB-", &format!("{}*", &good[..40]), 1), "base64", 0);
    expect(&good[..good.len() - 1], "base64", 0);
    // One that does not even begin as one shows only beside others that do.
    expect(&good.replacen("MII", "XII", 1), "not-a-certificate", 1);
    expect(&good.replacen("MIIBm", "MIIBw", 1).replacen("MII", "MAI", 1), "not-a-certificate", 1);
    let hexadecimal = hex::encode(leaf(0));
    let lines = held("a.csv", format!("{}\n{}x\n", hexadecimal, &hexadecimal[..400]).as_bytes());
    assert_eq!(lines, ["@#1 candidate 413", "@#2 rejected reel.text.hexadecimal"]);
    let lines = held("a.csv", format!("{}\n{}g\n", hexadecimal, &hexadecimal[..400]).as_bytes());
    assert_eq!(lines[1], "@#2 rejected reel.text.hexadecimal");
}

#[test]
fn other_long_fields_are_no_certificates() {
    let key = base64(&[&[0x30, 0x82, 0x01, 0x22, 0x30, 0x0D, 0x06, 0x09][..], &[1; 286]].concat());
    let content = format!("uid,key,certificate\n1,{key},{}\n2,{key},{}\n", base64(&leaf(0)), base64(&leaf(1)));
    assert_eq!(candidates(content.as_bytes()), [leaf(0), leaf(1)]);
    for text in [
        "MIT License. Permission is hereby granted, free of charge, to any person obtaining a copy of this software",
        "https://example.com/MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAlongpath/longpath/longpath/longpath/longpath",
        "3082 bytes of certificate were expected here and nothing came, which is a long line about nothing at all",
        "uid,state\n0209B0846159E439520139,ok\n",
    ] {
        assert_eq!(held("a.txt", text.as_bytes()), ["@ ignored reel.text.no-certificate"], "{text}");
    }
}

#[test]
fn text_without_a_certificate_is_judged_by_its_suffix() {
    let text = b"nothing here\n";
    for suffix in ["txt", "csv", "bin", "html"] {
        assert_eq!(held(&format!("a.{suffix}"), text), ["@ ignored reel.text.no-certificate"]);
    }
    for suffix in ["cer", "CRT", "der", "pem", "p7b", "p7c"] {
        assert_eq!(held(&format!("a.{suffix}"), text), ["@ rejected reel.file.no-certificate"]);
    }
    for suffix in ["zip", "tar", "tgz", "tar.gz", "gz"] {
        assert_eq!(held(&format!("a.{suffix}"), text), ["@ rejected reel.file.not-an-archive"]);
    }
}

#[test]
fn a_configuration_file_holds_certificates_and_nothing_else() {
    let anchor = std::fs::read(fixture("stm-stsafe-a-prod-ca-01.pem")).unwrap();
    let [der] = &certificates_in_pem(&anchor).unwrap()[..] else { panic!("one certificate") };
    // As st facts: 420 bytes, SHA-256 ddd7014f…
    let digest = "ddd7014f665244d66ae2d114949f859e7c7f9dfb56e2d53eb6a03805bb766f9e";
    assert_eq!((der.len(), crate::crypto::sha256(der).to_string()), (420, digest.into()));
    assert_eq!(certificates_in_pem(der).unwrap(), std::slice::from_ref(der));
    let two = format!("first\r\n{}\r\nsecond\r\n{}", pem("CERTIFICATE", &leaf(0)), pem("CERTIFICATE", &leaf(1)));
    assert_eq!(certificates_in_pem(two.as_bytes()).unwrap(), [leaf(0), leaf(1)]);
    let good = pem("CERTIFICATE", &leaf(0));
    for bad in [
        b"".to_vec(),
        b"nothing".to_vec(),
        [&der[..], b"\0"].concat(),
        der[..400].to_vec(),
        pem("PRIVATE KEY", &leaf(0)).into_bytes(),
        [good.clone(), pem("PUBLIC KEY", &leaf(0))].concat().into_bytes(),
        [good.clone(), pem("TRUSTED CERTIFICATE", &leaf(0))].concat().into_bytes(),
        good.replace("-----END", "----END").into_bytes(),
        good.replacen("MII", "M!I", 1).into_bytes(),
        b"-----BEGIN CERTIFICATE".to_vec(),
        b"-----BEGIN ".to_vec(),
    ] {
        let error = certificates_in_pem(&bad).unwrap_err();
        assert!(matches!(error, ReelError::Configuration { .. }) && error.hint().is_some(), "{error}");
        assert!(is_safe(&error.to_string()), "{error}");
    }
}
