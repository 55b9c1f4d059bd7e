//! Every way in which a token can be wrong, next to one that is right.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::keys::{Algorithm, Keys};
use super::token::{Claims, Expected, Refused, check};

const NOW: i64 = 1_800_000_000;

/// A provider with one key.
struct Provider {
    key: EcdsaKeyPair,
}

impl Provider {
    fn new() -> Self {
        let algorithm = &ECDSA_P256_SHA256_FIXED_SIGNING;
        let pkcs8 = EcdsaKeyPair::generate_pkcs8(algorithm, &SystemRandom::new()).unwrap();
        Self { key: EcdsaKeyPair::from_pkcs8(algorithm, pkcs8.as_ref()).unwrap() }
    }

    fn jwk(&self, id: &str) -> Value {
        let point = self.key.public_key().as_ref();
        let (x, y) = (URL_SAFE_NO_PAD.encode(&point[1..33]), URL_SAFE_NO_PAD.encode(&point[33..]));
        json!({"kty": "EC", "crv": "P-256", "use": "sig", "alg": "ES256", "kid": id, "x": x, "y": y})
    }

    fn keys(&self) -> Keys {
        Keys::parse(json!({"keys": [self.jwk("one")]}).to_string().as_bytes()).unwrap()
    }

    fn sign(&self, header: &Value, claims: &Value) -> String {
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let signed = format!("{}.{}", part(header), part(claims));
        let signature = self.key.sign(&SystemRandom::new(), signed.as_bytes()).unwrap();
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
    }

    fn token(&self, changes: &[(&str, Value)]) -> String {
        let mut claims = json!({
            "iss": "https://login.example.com/realm", "aud": "reroot", "sub": "7", "iat": NOW - 5, "exp": NOW + 300,
            "nonce": "n", "email": "anna@example.com", "email_verified": true, "groups": ["pki", "staff"],
        });
        for (claim, value) in changes {
            match value {
                Value::Null => drop(claims.as_object_mut().unwrap().remove(*claim)),
                value => claims[*claim] = value.clone(),
            }
        }
        self.sign(&json!({"alg": "ES256", "kid": "one", "typ": "JWT"}), &claims)
    }
}

const EXPECTED: Expected<'static> =
    Expected { issuer: "https://login.example.com/realm", client_id: "reroot", nonce: Some("n"), now: NOW, skew: 60 };

fn judge(provider: &Provider, changes: &[(&str, Value)]) -> Result<Claims, Refused> {
    check(&provider.token(changes), &provider.keys(), &EXPECTED)
}

#[test]
fn a_good_token_is_taken() {
    let provider = Provider::new();
    let claims = judge(&provider, &[]).unwrap();
    assert_eq!(claims.text("email"), Some("anna@example.com"));
    for good in [
        ("aud", json!(["reroot"])),
        ("azp", json!("reroot")),
        // the provider's clock is behind or ahead, within what is allowed
        ("exp", json!(NOW - 59)),
        ("iat", json!(NOW + 60)),
        ("nbf", json!(NOW + 60)),
        ("exp", json!(1_800_000_000.5)),
    ] {
        assert!(judge(&provider, std::slice::from_ref(&good)).is_ok(), "{good:?}");
    }
    let several = [("aud", json!(["other", "reroot"])), ("azp", json!("reroot"))];
    assert!(judge(&provider, &several).is_ok());
    // somebody else asked for it, and the nonce with it
    let expected = Expected { nonce: None, ..EXPECTED };
    assert!(check(&provider.token(&[("nonce", Value::Null)]), &provider.keys(), &expected).is_ok());
}

#[test]
fn every_claim_is_looked_at() {
    let provider = Provider::new();
    let refused = |claim: &'static str, value: Value| judge(&provider, &[(claim, value.clone())]).expect_err(claim);
    for claim in ["iss", "sub", "exp", "iat"] {
        assert_eq!(refused(claim, Value::Null), Refused::Claim(claim));
    }
    for (claim, value) in [("exp", json!("soon")), ("iat", json!([])), ("nbf", json!({})), ("sub", json!(""))] {
        assert!(matches!(refused(claim, value), Refused::Claim(_)), "{claim}");
    }
    for other in ["https://login.example.com/realm/", "https://login.example.com", "https://LOGIN.example.com/realm"] {
        assert!(matches!(refused("iss", json!(other)), Refused::Issuer { .. }), "{other}");
    }
    for other in [Value::Null, json!("other"), json!([]), json!(["other"]), json!(7), json!(["other", "reroot"])] {
        assert!(matches!(refused("aud", other.clone()), Refused::Audience(_)), "{other}");
    }
    assert!(matches!(refused("azp", json!("other")), Refused::Audience(_)));
    assert_eq!(refused("exp", json!(NOW - 60)), Refused::Expired(60));
    assert_eq!(refused("exp", json!(i64::MIN)), Refused::Expired(i64::MAX));
    assert_eq!(refused("iat", json!(NOW + 61)), Refused::Early(61));
    assert_eq!(refused("nbf", json!(NOW + 61)), Refused::Early(61));
    for nonce in [Value::Null, json!("m"), json!(""), json!(["n"])] {
        assert_eq!(refused("nonce", nonce), Refused::Nonce);
    }
}

#[test]
fn a_token_does_not_choose_how_it_is_checked() {
    let provider = Provider::new();
    let keys = provider.keys();
    let claims = json!({"iss": EXPECTED.issuer, "aud": "reroot", "sub": "7", "iat": NOW, "exp": NOW + 9, "nonce": "n"});
    let signed = |header: Value| check(&provider.sign(&header, &claims), &keys, &EXPECTED);
    assert!(signed(json!({"alg": "ES256"})).is_ok(), "without a key ID every key is tried");
    for algorithm in ["none", "HS256", "es256", "ES384", "PS256", "EdDSA"] {
        assert_eq!(signed(json!({"alg": algorithm, "kid": "one"})), Err(Refused::Algorithm(algorithm.to_owned())));
    }
    assert_eq!(signed(json!({"alg": "RS256", "kid": "one"})), Err(Refused::UnknownKey(Some("one".to_owned()))));
    assert_eq!(signed(json!({"alg": "ES256", "kid": "two"})), Err(Refused::UnknownKey(Some("two".to_owned()))));
    assert!(matches!(signed(json!({"alg": "ES256", "crit": ["b64"], "b64": false})), Err(Refused::Malformed(_))));
    assert!(matches!(signed(json!({"kid": "one"})), Err(Refused::Malformed(_))));
    assert_eq!(check(&Provider::new().token(&[]), &keys, &EXPECTED), Err(Refused::Signature));
}

#[test]
fn a_changed_token_is_refused() {
    let provider = Provider::new();
    let (token, keys) = (provider.token(&[]), provider.keys());
    for at in 0..token.len() {
        let mut bytes = token.clone().into_bytes();
        bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
        let changed = String::from_utf8(bytes).unwrap();
        assert!(check(&changed, &keys, &EXPECTED).is_err(), "byte {at}");
    }
    let payload = token.split('.').nth(1).unwrap();
    for wrong in
        ["", ".", "..", "a.b", "a.b.c.d", payload, &format!("{token}."), &format!("{token}="), &"a".repeat(20_000)]
    {
        assert!(matches!(check(wrong, &keys, &EXPECTED), Err(Refused::Malformed(_))), "{wrong}");
    }
    let unsigned = format!("{}.", token.rsplit_once('.').unwrap().0);
    assert_eq!(check(&unsigned, &keys, &EXPECTED), Err(Refused::Signature));
}

#[test]
fn keys_for_something_else_are_left_out() {
    let provider = Provider::new();
    let with = |changes: &[(&str, Value)]| {
        let mut key = provider.jwk("one");
        for (member, value) in changes {
            key[*member] = value.clone();
        }
        Keys::parse(json!({"keys": [key]}).to_string().as_bytes())
    };
    assert!(with(&[("x5c", json!(["..."]))]).unwrap().has(Algorithm::Es256, Some("one")));
    for change in [
        ("use", json!("enc")),
        ("alg", json!("RS256")),
        ("crv", json!("P-384")),
        ("kty", json!("oct")),
        ("x", json!("AA")),
        ("y", json!("=")),
        ("kid", json!(7)),
    ] {
        assert!(with(std::slice::from_ref(&change)).is_err(), "{change:?}");
    }
    let weak = json!({"keys": [{"kty": "RSA", "n": URL_SAFE_NO_PAD.encode([0x80; 128]), "e": "AQAB"}]});
    assert!(Keys::parse(weak.to_string().as_bytes()).is_err());
    for wrong in [&b""[..], b"[]", b"{}", br#"{"keys": []}"#, br#"{"keys": 7}"#] {
        assert!(Keys::parse(wrong).is_err());
    }
    let many = json!({"keys": vec![provider.jwk("one"); 65]}).to_string();
    assert!(Keys::parse(many.as_bytes()).unwrap_err().contains("65 keys"));
}
