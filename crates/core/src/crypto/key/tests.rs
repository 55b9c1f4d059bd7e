use ecdsa::signature::hazmat::PrehashSigner;

use super::*;
use crate::x509::oid;
use crate::x509::oid::ObjectIdentifier;
use crate::x509::tlv::{element, tag};

const HASHES: [SignatureAlgorithm; 4] = [
    SignatureAlgorithm::EcdsaSha1,
    SignatureAlgorithm::EcdsaSha256,
    SignatureAlgorithm::EcdsaSha384,
    SignatureAlgorithm::EcdsaSha512,
];

fn ec_spki(curve: ObjectIdentifier, point: &[u8]) -> Spki {
    let algorithm = element(
        tag::SEQUENCE,
        &[
            &element(tag::OBJECT_IDENTIFIER, &[oid::EC_PUBLIC_KEY.as_bytes()]),
            &element(tag::OBJECT_IDENTIFIER, &[curve.as_bytes()]),
        ],
    );
    Spki::from_der(&element(tag::SEQUENCE, &[&algorithm, &element(tag::BIT_STRING, &[&[0], point])])).unwrap()
}

macro_rules! every_hash_goes_with {
    ($curve:ty, $oid:expr, $width:literal) => {{
        let message = b"a message";
        let key = ecdsa::SigningKey::<$curve>::from_slice(&[7; $width]).unwrap();
        let point = key.verifying_key().to_sec1_point(false);
        let public = PublicKey::from_spki(&ec_spki($oid, point.as_bytes())).unwrap();
        for algorithm in HASHES {
            let signature: Signature<$curve> = key.sign_prehash(&prehash::<$width>(algorithm, message)).unwrap();
            let der = der_of(&signature.to_bytes());
            assert_eq!(public.verify(algorithm, message, &der), Ok(()), "{algorithm}");
            assert_eq!(public.verify(algorithm, b"another", &der), Err(SignatureError::Invalid));
        }
    }};
}

/// r and s side by side, as DER.
fn der_of(fixed: &[u8]) -> Vec<u8> {
    let integer = |bytes: &[u8]| {
        let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
        let sign: &[u8] = if bytes[zeros] >= 0x80 { &[0] } else { &[] };
        element(tag::INTEGER, &[sign, &bytes[zeros..]])
    };
    let (r, s) = fixed.split_at(fixed.len() / 2);
    element(tag::SEQUENCE, &[&integer(r), &integer(s)])
}

#[test]
fn every_hash_goes_with_the_curves_that_have_a_rust_signer() {
    every_hash_goes_with!(p256::NistP256, oid::SECP256R1, 32);
    every_hash_goes_with!(p384::NistP384, oid::SECP384R1, 48);
    every_hash_goes_with!(BrainpoolP256r1, oid::BRAINPOOL_P256R1, 32);
    every_hash_goes_with!(BrainpoolP384r1, oid::BRAINPOOL_P384R1, 48);
}

fn rejected(curve: ObjectIdentifier, algorithm: KeyAlgorithm, point: &[u8]) {
    let spki = ec_spki(curve, point);
    let refused = KeyError::NotOnCurve { algorithm };
    assert_eq!(PublicKey::from_spki(&spki).map(|key| key.algorithm()), Err(refused));
    assert_eq!(PublicKey::check(&spki), Err(refused));
}

#[test]
fn who_only_checks_a_key_says_what_who_uses_it_says() {
    let good = p256::ecdsa::SigningKey::from_slice(&[7; 32]).unwrap().verifying_key().to_sec1_point(false);
    let good = good.as_bytes();
    assert_eq!(PublicKey::check(&ec_spki(oid::SECP256R1, good)), Ok(()));
    for bit in 8..good.len() * 8 {
        let mut point = good.to_vec();
        point[bit / 8] ^= 1 << (bit % 8);
        rejected(oid::SECP256R1, KeyAlgorithm::P256, &point);
    }
    // the other root
    let p = p256::elliptic_curve::bigint::U256::from_be_hex(P);
    let y = p256::elliptic_curve::bigint::U256::from_be_slice(&good[33..]);
    let point = [&good[..33], &p.wrapping_sub(&y).to_be_bytes()[..]].concat();
    assert_eq!(PublicKey::check(&ec_spki(oid::SECP256R1, &point)), Ok(()));
}

const P: &str = "ffffffff00000001000000000000000000000000ffffffffffffffffffffffff";

#[test]
fn points_lie_on_the_curve_and_are_reduced() {
    for (curve, algorithm, bytes) in [
        (oid::SECP256R1, KeyAlgorithm::P256, 32),
        (oid::SECP384R1, KeyAlgorithm::P384, 48),
        (oid::SECP521R1, KeyAlgorithm::P521, 66),
        (oid::BRAINPOOL_P256R1, KeyAlgorithm::BrainpoolP256r1, 32),
        (oid::BRAINPOOL_P384R1, KeyAlgorithm::BrainpoolP384r1, 48),
    ] {
        let mut point = vec![0; 1 + 2 * bytes];
        point[0] = 4;
        rejected(curve, algorithm, &point);
        point[bytes] = 1;
        point[2 * bytes] = 1;
        rejected(curve, algorithm, &point);
        point[1..].fill(0xFF);
        rejected(curve, algorithm, &point);
    }
    // (0, sqrt(b)) is on P-256; (p, sqrt(b)) names the same point without being reduced (SEC 1 §2.3.6)
    let y = hex::decode("66485c780e2f83d72433bd5d84a06bb6541c2af31dae871728bf856a174f93f4").unwrap();
    let p = hex::decode(P).unwrap();
    let unusual = ec_spki(oid::SECP256R1, &[&[4][..], &[0; 32], &y].concat());
    assert!(PublicKey::from_spki(&unusual).is_ok() && PublicKey::check(&unusual).is_ok());
    rejected(oid::SECP256R1, KeyAlgorithm::P256, &[&[4][..], &p, &y].concat());
}

#[test]
fn an_algorithm_must_fit_the_key() {
    let key = p256::ecdsa::SigningKey::from_slice(&[7; 32]).unwrap();
    let public = PublicKey::from_spki(&ec_spki(oid::SECP256R1, &key.verifying_key().to_sec1_bytes())).unwrap();
    for algorithm in [SignatureAlgorithm::Ed25519, SignatureAlgorithm::RsaPkcs1Sha256] {
        assert_eq!(
            public.verify(algorithm, b"", &[0; 64]),
            Err(SignatureError::AlgorithmKey { algorithm, key: KeyAlgorithm::P256 })
        );
    }
}

#[test]
fn a_p521_signature_verifies_with_its_own_hash_only() {
    let message = b"a message";
    let random = aws_lc_rs::rand::SystemRandom::new();
    let pair = aws::EcdsaKeyPair::generate(&aws::ECDSA_P521_SHA512_ASN1_SIGNING).unwrap();
    let public = PublicKey::from_spki(&ec_spki(oid::SECP521R1, aws::KeyPair::public_key(&pair).as_ref())).unwrap();
    let signature = pair.sign(&random, message).unwrap();
    assert_eq!(public.verify(SignatureAlgorithm::EcdsaSha512, message, signature.as_ref()), Ok(()));
    for other in [SignatureAlgorithm::EcdsaSha1, SignatureAlgorithm::EcdsaSha256, SignatureAlgorithm::EcdsaSha384] {
        assert_eq!(public.verify(other, message, signature.as_ref()), Err(SignatureError::Invalid));
    }
}

#[test]
fn rsa_signatures_made_by_openssl_verify_with_the_right_padding_only() {
    let spki = Spki::from_der(&hex::decode(RSA_SPKI).unwrap()).unwrap();
    let public = PublicKey::from_spki(&spki).unwrap();
    for (algorithm, signature) in [
        (SignatureAlgorithm::RsaPkcs1Sha256, RSA_PKCS1_SHA256),
        (SignatureAlgorithm::RsaPkcs1Sha512, RSA_PKCS1_SHA512),
        (SignatureAlgorithm::RsaPssSha256, RSA_PSS_SHA256),
        (SignatureAlgorithm::RsaPssSha384, RSA_PSS_SHA384),
    ] {
        let signature = hex::decode(signature).unwrap();
        for other in SignatureAlgorithm::ALL.into_iter().filter(|other| other.fits(public.algorithm())) {
            let expected = if other == algorithm { Ok(()) } else { Err(SignatureError::Invalid) };
            assert_eq!(public.verify(other, b"a message", &signature), expected, "{algorithm} read as {other}");
        }
        assert_eq!(
            public.verify(algorithm, b"a message", &signature[1..]),
            Err(SignatureError::Length { bytes: 255, expected: 256 })
        );
    }
    // RFC 4055 §3.1: the salt's length is part of the algorithm identifier
    let short_salt = hex::decode(RSA_PSS_SALT_20).unwrap();
    assert_eq!(
        public.verify(SignatureAlgorithm::RsaPssSha256, b"a message", &short_salt),
        Err(SignatureError::Invalid)
    );
}

#[test]
fn an_ed25519_signature_made_by_openssl_verifies() {
    let spki = Spki::from_der(&hex::decode(ED25519_SPKI).unwrap()).unwrap();
    let public = PublicKey::from_spki(&spki).unwrap();
    let signature = hex::decode(ED25519_SIGNATURE).unwrap();
    assert_eq!(public.verify(SignatureAlgorithm::Ed25519, b"a message", &signature), Ok(()));
    assert_eq!(public.verify(SignatureAlgorithm::Ed25519, b"another", &signature), Err(SignatureError::Invalid));
}

/// openssl genrsa 2048
const RSA_SPKI: &str = concat!(
    "30820122300d06092a864886f70d01010105000382010f003082010a028201010097833170bfc5aa4324ec2b531f34d17f8112886999",
    "e778f3c04c01239e4f2c13b286ff90f7e4791f409810542c785055b89b5bed12e4e43d455e364ae27e53cca71c504ce06073b1bcc161",
    "827e90ea3b9213428c91981bd5919dae6e3023f94b8590f5ddb3165513c14e5c4b0e87e331bf761f8a8daf926d945974c4e9891779a5",
    "3c3eaa7fd78e7c709540c0db7b6525e457f6247e64c95996de23f8a632a8bfeee786e4b8640da490dae84ddffcf6dca7e8f732b44854",
    "185f6054de2589ed8bb7d79081789a695a900c107aaf203374f7f5b2661be74d57a5bd38da00f2b0e9b62f7e731e581ae16c0ef0f15d",
    "90d95eff661e96ddd2806a44329c9951459f510203010001",
);
/// openssl dgst -sign
const RSA_PKCS1_SHA256: &str = concat!(
    "79454ea00a626e4dfbbe934aba7c940097bf13ae2bb83d77f581575dc6008191b18452e4add08b666fc6230e0099fe6779b674ea1762",
    "0be0a4ca63ee68a1213981b5f0d1df82f3edd2924f492521937d96a3143a6d1c370ca945286ce506fa8e3bd2a210dfd854fa8d333c6e",
    "0f35ba66ce24d1b479479d3077e00d63bc5cb380ed30cffa5dae58349eb93f9e1ca4d7b80fa0f1d950236fd6d6ffded2be5515e6cb95",
    "2dae8b6ea75db3ce6ac7f543bccffe2e563af90f058c2a9af07393bcd373176390b454c7745805a0afffa4e75432f4d9459c8d22f70f",
    "934005386a2bb54c26bcf195720fa39df123908ef876fec13582e6e123fb82a02460dfc6ed6cd754",
);
/// openssl dgst -sign
const RSA_PKCS1_SHA512: &str = concat!(
    "3cfbc60bd338fdb46cd34c6789ea4f611aa8667b89d392fa8f29d2e70f829027a23efdd26f03ac97014f8a529250bd37c71ca424709a",
    "6548a41a098bccd9c95d2e5e9c6ab4d97c1c391ae98cc2f60d03b41e1af73144c5cd700ccafcc2051290bd9a4f13d75e820dcef53717",
    "1a7420f34815cacc5a8eb0e6af9fff329f748bf6b96e3fb7ea1c8c34e2b5e466e525128147689a0b6138aef02170206f6eb31a3977aa",
    "7b6b4cf134fcac1c010015016d03a1e752df6551c7bb9e3487b77d9ccb45d7bda00d0c9bce8109876a88b05ee89e9759b994e8b28fa7",
    "03ba5bd5474b6a25aec7869210544cec29d5a2987f15202ad4ecb60570448f1a23dffb566ce8f27a",
);
/// openssl dgst -sign -sigopt rsa_padding_mode:pss
const RSA_PSS_SHA256: &str = concat!(
    "59d346056d5076d7ee667f140dc2dee22ca6afb1e2d66b98494a52ec1d937742c543995b638f63cf2c798654b399aaf9ec1275d1c8ee",
    "ac08f315a99f5e1f386f6af0e890e527f8e29aafe9d43654d532d59b35d258b8397416f8f584b2749d52e43324219d42dbd77b67320a",
    "41df1cd562c15f0f3bb92a13d69aa387b972c5101b07d7431cdcdde8789cf49a44bbf8610d1f7b3508d5fab9b7ca47aa420400964a72",
    "9b6067e0f6e112a449ba732ce583cb9610f2590ee4090cda55fcd1a1c18f3344a5d27a1b8ca2c7ad7c44173e888486fd39da7e7308d4",
    "7e2c601ae29650cc7b259e5f4075601bc45d36796a7b2f073132c7629387c1710e863ff7f153c86f",
);
/// openssl dgst -sign -sigopt rsa_padding_mode:pss
const RSA_PSS_SHA384: &str = concat!(
    "349d546711fd8655d1c56f33de72ed60077b9d578734a5e1fba3afe44af4bb8c7b17774ce65e6de56ad148bf403756cf17ed67a84fe6",
    "8cffd5a884f5d5f15affba92063e0269e68fb847702b99d98ca37794acebbbd816d6b52ee81b07c8d71e66015c133af63a1155b6d0cc",
    "81043d1e9b6f2ce8f9eef238bb61df5684ccbeb59431467d21c564091fe7b003d91cad4b9e38a9bad13071b62511c55f7c3ce1753f79",
    "8b283458c722a7134f091be621a0e506a53e234cb166a2c9bc013dac4814fbdcf95dccd6a4a6840badbea5d2343805556d208a6ff05d",
    "16e17473112241562e89c9ea29e317d0034c20aa0bfe45132ef50b9b028c97e88e5f4a1dcf1c116f",
);
/// openssl dgst -sign -sigopt rsa_padding_mode:pss
const RSA_PSS_SALT_20: &str = concat!(
    "35107d1babcf3401fdfb44a7741c9d934671b44666b6b45f6bfad2e9d869188089177706b6ea28ab6b3cf0a552036e61a7d1f57146b4",
    "785b1cca11c750604733ea9136aea4a829db2fd8ca9797363b6bc0e7ad64f0113538266dfb5c752553dade6cfed9b4aac37aa789f814",
    "1ccb66145296774d3e4c30cf0eba0953f340600d34f64e3b7e2c8d16d8e99d8966c035647f7cbf59e34014c685b717d616b67123ad1f",
    "db6557d02ec8440c0f8ec2a0e906e8e130d7f920604b9a170a659d06b87bf7d52b73c5fd51b01200643b38cae2b976cc6cabe99d421b",
    "bc93b02722d9601f5c511060cb2d10f551d6715e88c0c68e57a65623b729201cb6ad9b3b239ca785",
);
/// openssl genpkey -algorithm ed25519
const ED25519_SPKI: &str = "302a300506032b65700321002a71ad1de5a6c6b4dc533e859ca28c82b1773129d945a910fe30aa9cc885e5d3";
/// openssl pkeyutl -sign -rawin
const ED25519_SIGNATURE: &str = concat!(
    "2939edbd5b2a1bb565b3fa1d1a7f9f6cd2607da1d570f33e6315fb3da31de75cbe603088c8457f205968784a1d1a1304b148e717106e",
    "b20a95ae864c0eefd201",
);
