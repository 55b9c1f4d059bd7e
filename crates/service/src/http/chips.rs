//! Chips: what is known of one, by any of its names.

use axum::Json;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse as _, Response};
use reroot_core::crypto::sha256;
use reroot_core::delivery::{PackReader, certificate_to_pem};
use reroot_core::manifest::Proof;
use reroot_core::origin::{ChipName, Uid, typed_bytes};
use reroot_core::proof::{Chips, Prove, prove};
use reroot_core::x509::{SerialNumber, Sha256Digest};
use reroot_issue::query::{self, ChipCertificate};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::file::headers;
use super::page::{At, In};
use crate::app::App;
use crate::catalog::{BatchRow, Found};
use crate::principal::Principal;
use crate::problem::{BATCH_UNKNOWN, CHIP_PRESENT, CHIP_UNKNOWN, Document, Problem, REQUEST_MALFORMED};

/// Certificates of a chip.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Certificates {
    /// Newest batch first.
    certificates: Vec<Found>,
}

/// What the ledger says of a chip.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct History {
    /// Oldest batch first: also those that are open or were given up, and whether a certificate is revoked.
    #[schema(value_type = Vec<Object>)]
    certificates: Vec<ChipCertificate>,
}

/// Which of several batches.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Which {
    /// The batch; the newest that has the chip, if it is not said.
    batch: Option<String>,
    /// `pem` for a certificate in PEM.
    #[param(inline)]
    form: Option<Form>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
enum Form {
    Der,
    Pem,
}

/// Finds the certificates of a chip.
#[utoipa::path(get, path = "/v1/chips/{chip}", tag = "chips",
    params(("chip" = String, Path, description = "UID, ST number or unique number, hexadecimal in any form")),
    responses((status = 200, body = Certificates), (status = "4XX", body = Document)))]
pub(super) async fn chip(
    _: Principal,
    State(app): State<App>,
    At(chip): At<String>,
) -> Result<Json<Certificates>, Problem> {
    app.blocking(move |app| Ok(Json(Certificates { certificates: known(app, &name(&chip)?)? }))).await
}

/// Finds the certificates with a serial number.
#[utoipa::path(get, path = "/v1/serials/{serial}", tag = "chips",
    params(("serial" = String, Path, description = "Serial number of a certificate, hexadecimal in any form")),
    responses((status = 200, body = Certificates), (status = "4XX", body = Document)))]
pub(super) async fn serial(
    _: Principal,
    State(app): State<App>,
    At(serial): At<String>,
) -> Result<Json<Certificates>, Problem> {
    app.blocking(move |app| {
        let wrong = |what: String| Problem::new(REQUEST_MALFORMED, format!("the serial number {what}"));
        let bytes = typed_bytes(&serial).map_err(|error| wrong(error.to_string()))?;
        let serial = SerialNumber::from_content(&bytes).map_err(|error| wrong(error.to_string()))?;
        Ok(Json(Certificates { certificates: some(app.catalog().serial(&serial)?)? }))
    })
    .await
}

/// Finds a certificate by its SHA-256.
#[utoipa::path(get, path = "/v1/certificates/{digest}", tag = "chips",
    params(("digest" = String, Path, description = "SHA-256 of a certificate, 64 hexadecimal digits")),
    responses((status = 200, body = Certificates), (status = "4XX", body = Document)))]
pub(super) async fn digest(
    _: Principal,
    State(app): State<App>,
    At(digest): At<String>,
) -> Result<Json<Certificates>, Problem> {
    app.blocking(move |app| {
        let digest = digest.to_ascii_lowercase().parse::<Sha256Digest>();
        let wrong = |_| Problem::new(REQUEST_MALFORMED, "the digest is not one of 64 hexadecimal digits");
        Ok(Json(Certificates { certificates: some(app.catalog().digest(digest.map_err(wrong)?)?)? }))
    })
    .await
}

/// Sends the certificate of a chip.
#[utoipa::path(get, path = "/v1/chips/{chip}/certificate", tag = "chips",
    params(("chip" = String, Path, description = "As above"), Which),
    responses((status = 200, content_type = "application/pkix-cert", body = Vec<u8>), (status = "4XX", body = Document)))]
pub(super) async fn certificate(
    _: Principal,
    State(app): State<App>,
    At(chip): At<String>,
    In(which): In<Which>,
) -> Result<Response, Problem> {
    app.blocking(move |app| {
        let form = which.form.unwrap_or(Form::Der);
        let (found, proof) = proof_of(app, &chip, &which)?;
        let certificate = proof.chip.map(|chip| chip.certificate).unwrap_or_default();
        if sha256(&certificate).to_string() != found.sha256 {
            return Err(Problem::new(CHIP_UNKNOWN, "the line pack has a different certificate than the manifest"));
        }
        Ok(match form {
            Form::Der => document(certificate, "application/pkix-cert", &format!("{}.der", found.uid)),
            Form::Pem => {
                let pem = certificate_to_pem(&certificate).into_bytes();
                document(pem, "application/x-pem-file", &format!("{}.pem", found.uid))
            }
        })
    })
    .await
}

/// Sends the proof that a chip is in a batch.
#[utoipa::path(get, path = "/v1/chips/{chip}/proof", tag = "chips",
    params(("chip" = String, Path, description = "As above"), Which),
    responses((status = 200, content_type = "application/json", body = Object), (status = "4XX", body = Document)))]
pub(super) async fn proof(
    _: Principal,
    State(app): State<App>,
    At(chip): At<String>,
    In(which): In<Which>,
) -> Result<Response, Problem> {
    app.blocking(move |app| {
        let (found, proof) = proof_of(app, &chip, &which)?;
        Ok(document(proof.to_line().into_bytes(), "application/json", &format!("{}.proof.json", found.uid)))
    })
    .await
}

/// Sends the proof that a chip is not in a batch.
#[utoipa::path(get, path = "/v1/chips/{chip}/absence", tag = "chips",
    params(("chip" = String, Path, description = "As above"), Which),
    responses((status = 200, content_type = "application/json", body = Object), (status = "4XX", body = Document)))]
pub(super) async fn absence(
    _: Principal,
    State(app): State<App>,
    At(chip): At<String>,
    In(which): In<Which>,
) -> Result<Response, Problem> {
    app.blocking(move |app| {
        let chip = name(&chip)?;
        let Some(id) = which.batch else {
            return Err(Problem::new(REQUEST_MALFORMED, "`batch` is missing: a chip is absent from one batch"));
        };
        let unknown = || Problem::new(BATCH_UNKNOWN, format!("there is no batch `{id}`"));
        let batch = app.catalog().batch(&id)?.ok_or_else(unknown)?;
        match prove_one(app, &batch, &chip)?.filter(|proof| proof.chip.is_none()) {
            Some(proof) => {
                Ok(document(proof.to_line().into_bytes(), "application/json", &format!("{}.absence.json", proof.uid)))
            }
            None => Err(Problem::new(CHIP_PRESENT, format!("chip {chip} is in batch {id}"))),
        }
    })
    .await
}

/// Tells what the ledger knows of a chip.
#[utoipa::path(get, path = "/v1/chips/{chip}/history", tag = "chips",
    params(("chip" = String, Path, description = "As above")),
    responses((status = 200, body = History), (status = "4XX", body = Document)))]
pub(super) async fn history(
    _: Principal,
    State(app): State<App>,
    At(chip): At<String>,
) -> Result<Json<History>, Problem> {
    app.blocking(move |app| {
        let chip = name(&chip)?;
        let config = app.config()?;
        let ledger = app.ledger(&config)?;
        let issuer = config.issuer_identity()?;
        let certificates = query::find(&ledger, Some(&issuer), &query::Wanted::Chip(chip.clone()))?;
        if certificates.is_empty() { Err(unknown(&chip)) } else { Ok(Json(History { certificates })) }
    })
    .await
}

fn name(text: &str) -> Result<ChipName, Problem> {
    text.parse::<ChipName>()
        .map_err(|error| Problem::new(REQUEST_MALFORMED, format!("the chip's name {error}")).hint(error.hint()))
}

fn unknown(chip: &ChipName) -> Problem {
    Problem::new(CHIP_UNKNOWN, format!("no batch has a certificate of chip {chip}"))
}

fn some(found: Vec<Found>) -> Result<Vec<Found>, Problem> {
    if found.is_empty() { Err(Problem::new(CHIP_UNKNOWN, "no batch has such a certificate")) } else { Ok(found) }
}

fn known(app: &App, chip: &ChipName) -> Result<Vec<Found>, Problem> {
    let found = app.catalog().chip(chip)?;
    if found.is_empty() { Err(unknown(chip)) } else { Ok(found) }
}

/// The proof of presence, out of the line pack of the batch; out of the batch itself, where there is no pack yet.
fn proof_of(app: &App, text: &str, which: &Which) -> Result<(Found, Proof), Problem> {
    let chip = name(text)?;
    let found = known(app, &chip)?;
    let wanted = |one: &&Found| which.batch.as_ref().is_none_or(|batch| one.batch == *batch);
    let Some(found) = found.iter().find(wanted).cloned() else {
        let batch = which.batch.clone().unwrap_or_default();
        return Err(Problem::new(CHIP_UNKNOWN, format!("batch `{batch}` has no certificate of chip {chip}")));
    };
    let uid = found.uid.parse::<Uid>().map_err(|_| unknown(&chip))?;
    let path = app.catalog().pack(&found.batch);
    let batch = app.catalog().batch(&found.batch)?.ok_or_else(|| unknown(&chip))?;
    if batch.pack_sha256.is_some() {
        let pack = PackReader::open(&path)?;
        if let Some(position) = pack.position(&uid)? {
            return Ok((found, pack.presence(&uid, position)?));
        }
    }
    let made = prove_one(app, &batch, &ChipName::from(uid))?;
    made.filter(|proof| proof.chip.is_some()).map(|proof| (found, proof)).ok_or_else(|| unknown(&chip))
}

/// The certificate of a chip in a batch, if it has this digest.
pub(super) fn certificate_of(
    app: &App,
    uid: &Uid,
    batch: &str,
    sha256: Sha256Digest,
) -> Result<Option<Vec<u8>>, Problem> {
    let digest = sha256.to_string();
    let known =
        app.catalog().digest(sha256)?.into_iter().any(|one| {
            (one.batch.as_str(), one.uid.as_str(), &one.sha256) == (batch, uid.to_string().as_str(), &digest)
        });
    if !known {
        return Ok(None);
    }
    let which = Which { batch: Some(batch.to_owned()), ..Which::default() };
    let (_, proof) = proof_of(app, &uid.to_string(), &which)?;
    let certificate = proof.chip.map(|chip| chip.certificate);
    Ok(certificate.filter(|der| reroot_core::crypto::sha256(der) == sha256))
}

/// The proof about one chip, out of the batch itself: of presence or of absence.
fn prove_one(app: &App, batch: &BatchRow, chip: &ChipName) -> Result<Option<Proof>, Problem> {
    let folder = app.settings().batches().join(&batch.folder);
    let chips = Chips::These(std::slice::from_ref(chip));
    let job = Prove { batch: &folder, chips, advance: &|_| {}, cancel: &app.world().cancel };
    let mut made = None;
    prove(&job, &mut |proof| {
        made = Some(proof);
        Ok(())
    })?;
    Ok(made)
}

/// A small document that is kept as a file.
fn document(bytes: Vec<u8>, media: &'static str, name: &str) -> Response {
    let tag = format!("\"{}\"", sha256(&bytes));
    let mut headers = headers(&tag, media, name);
    headers.remove(header::ACCEPT_RANGES);
    (headers, bytes).into_response()
}
