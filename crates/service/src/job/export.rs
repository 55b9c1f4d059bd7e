//! Exports: the certificates of sealed batches in the form that a cloud, a line or a person takes in, as one file.

use std::path::Path;
use std::sync::Arc;

use reroot_core::delivery::Zone;
use reroot_core::durable;
use reroot_core::export::{Export, export as export_batches};
use reroot_core::origin::ChipName;
use reroot_issue::error::Error;
use reroot_issue::revoke::read_chips;
use serde_json::json;

use super::issue::{Place, Ran, Stopped, config, forms, read, storage};
use super::look::batch;
use super::spec::{ExportJob, StoredSpec};
use crate::app::App;
use crate::problem::{INPUT_REFUSED, Problem};
use crate::running::Live;
use crate::store::Job;

/// Makes the file of an export.
pub(super) fn export(
    app: &App,
    job: &Job,
    stored: &StoredSpec,
    spec: &ExportJob,
    live: &Arc<Live>,
) -> Result<Ran, Stopped> {
    let (config, place, target) = (config(app)?, Place::of(app.settings(), &job.id), spec.to.into_library());
    let batches = spec.batches.iter().map(|name| batch(app, name)).collect::<Result<Vec<_>, _>>()?;
    let only = match &spec.only {
        None => None,
        Some(id) => Some(wanted(&place.paths(app.settings(), stored, std::slice::from_ref(id))?[0])?),
    };
    let out = app.settings().exports().join(&job.id);
    durable::remove_partial_file(&out).map_err(storage)?;
    // what a run leaves that is killed is in the folder of the job, and gone with it
    let made = place.folder().join("export");
    place.make()?;
    durable::remove_partial_file(&made).map_err(storage)?;
    let forms = forms(&spec.forms);
    let exported = export_batches(&Export {
        batches: &batches,
        only: only.as_deref(),
        with_chain: spec.with_chain,
        out: &made,
        target,
        forms: &forms,
        aws_policy: spec.aws_policy.as_deref(),
        zone: spec.zone.map(|zone| Zone { bytes: zone.bytes as usize, chain: zone.chain }),
        archive: true,
        anchors: Some(&config.manifest_anchors().map_err(Error::from)?),
        advance: &|count| live.advanced(count),
        cancel: &live.cancel,
    });
    let exported = exported.map_err(Error::from)?;
    durable::publish(&made, &out).map_err(storage)?;
    let (to, batches) = (target.as_str(), exported.batches);
    Ok(Ran::Checked(json!({ "to": to, "batches": batches, "certificates": exported.certificates })))
}

/// The chips of an uploaded list.
fn wanted(list: &Path) -> Result<Vec<ChipName>, Stopped> {
    let chips = read_chips("only", &read(list)?);
    Ok(chips.map_err(|finding| {
        let problem = Problem::new(INPUT_REFUSED, format!("{}: {}", finding.place, finding.what));
        match finding.hint {
            Some(hint) => problem.hint(hint),
            None => problem,
        }
    })?)
}
