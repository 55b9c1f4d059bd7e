//! Exports: the certificates of sealed batches in the form that a cloud, a line or a person takes in, as one file.

use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use reroot_core::delivery::Zone;
use reroot_core::durable::{self, Access};
use reroot_core::export::{Export, export as export_batches};
use reroot_core::input;
use reroot_core::origin::ChipName;
use reroot_issue::error::Error;
use reroot_issue::revoke::read_chips;
use serde_json::json;

use super::issue::{Place, Ran, Stopped, config, forms, read, storage};
use super::look::batch;
use super::spec::{ExportJob, StoredSpec};
use crate::app::App;
use crate::problem::{INPUT_REFUSED, Problem, STORE};
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
    let files = place.folder().join("export");
    if target.is_directory() {
        place.make()?;
        durable::remove_partial(&files).map_err(storage)?;
    }
    let forms = forms(&spec.forms);
    let exported = export_batches(&Export {
        batches: &batches,
        only: only.as_deref(),
        with_chain: spec.with_chain,
        out: if target.is_directory() { &files } else { &out },
        target,
        forms: &forms,
        aws_policy: spec.aws_policy.as_deref(),
        zone: spec.zone.map(|zone| Zone { bytes: zone.bytes as usize, chain: zone.chain }),
        anchors: Some(&config.manifest_anchors().map_err(Error::from)?),
        advance: &|count| live.advanced(count),
        cancel: &live.cancel,
    });
    let exported = exported.map_err(Error::from)?;
    if target.is_directory() {
        let partial = place.folder().join("export.tar");
        durable::remove_partial_file(&partial).map_err(storage)?;
        let file = durable::create_new(&partial, Access::Private).map_err(storage)?;
        let made = archive(&files, file, app.world().now().unix().unsigned_abs(), live);
        let file = made.map_err(|error| Problem::new(STORE, format!("the archive of the export: {error}")))?;
        durable::sync_file(&partial, &file).map_err(storage)?;
        durable::publish(&partial, &out).map_err(storage)?;
    }
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

/// The files of a folder in the order of their names, without the owner and the modes of this machine.
fn archive(folder: &Path, file: File, time: u64, live: &Live) -> std::io::Result<File> {
    let mut names =
        std::fs::read_dir(folder)?.map(|entry| Ok(entry?.file_name())).collect::<std::io::Result<Vec<_>>>()?;
    names.sort_unstable();
    let mut archive = tar::Builder::new(BufWriter::with_capacity(1 << 18, file));
    for name in names {
        if live.cancel.load(Ordering::Relaxed) {
            return Err(std::io::Error::from(std::io::ErrorKind::Interrupted));
        }
        let content = input::open(&folder.join(&name))?;
        let mut header = tar::Header::new_gnu();
        header.set_size(content.metadata()?.len());
        header.set_mode(0o644);
        header.set_mtime(time);
        archive.append_data(&mut header, &name, content)?;
    }
    let mut file = archive.into_inner()?;
    file.flush()?;
    file.into_inner().map_err(std::io::IntoInnerError::into_error)
}
