//! Jobs: a stored command each, and what became of it.

use rusqlite::{Connection, OptionalExtension as _, Row, Transaction, params};

use super::{Store, StoreError};

/// How far a job is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum JobState {
    /// The approvals are there; the signer has not taken the plan yet.
    Approved,
    /// The plan waits for persons.
    AwaitingApproval,
    /// A person ended it.
    Canceled,
    /// Everything was checked; a job that signs nothing ends here.
    Checked,
    /// Its inputs are being read and verified.
    Checking,
    /// The environment failed; the same job runs again when it is posted again.
    Failed,
    /// Its run ended early, as the process did. It goes on by itself.
    Interrupted,
    /// The batch is sealed, has its name, and the catalog has looked at it; lists are in their place.
    Published,
    /// It is stored and has not started.
    Received,
    /// The revocation or release is on the ledger; the next lists say it.
    Recorded,
    /// Its inputs, its policy or the signer refused it.
    Refused,
    /// The signatures are being put in, and the batch is sealed; what was approved is recorded.
    Sealing,
    /// The signer has the plan.
    Signing,
}

impl JobState {
    /// Every state.
    pub const ALL: [Self; 13] = [
        Self::Approved,
        Self::AwaitingApproval,
        Self::Canceled,
        Self::Checked,
        Self::Checking,
        Self::Failed,
        Self::Interrupted,
        Self::Published,
        Self::Received,
        Self::Recorded,
        Self::Refused,
        Self::Sealing,
        Self::Signing,
    ];

    /// The word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Approved => "approved",
            Self::AwaitingApproval => "awaiting-approval",
            Self::Canceled => "canceled",
            Self::Checked => "checked",
            Self::Checking => "checking",
            Self::Failed => "failed",
            Self::Interrupted => "interrupted",
            Self::Published => "published",
            Self::Received => "received",
            Self::Recorded => "recorded",
            Self::Refused => "refused",
            Self::Sealing => "sealing",
            Self::Signing => "signing",
        }
    }

    /// Whether the job stays there unless it is posted again.
    pub const fn is_end(self) -> bool {
        matches!(self, Self::Canceled | Self::Failed | Self::Refused) || self.is_done()
    }

    /// Whether the work was done.
    pub const fn is_done(self) -> bool {
        matches!(self, Self::Checked | Self::Published | Self::Recorded)
    }

    fn of(word: &str) -> Result<Self, StoreError> {
        let found = Self::ALL.into_iter().find(|state| state.as_str() == word);
        found.ok_or_else(|| StoreError::Content { what: format!("the job state `{word}`") })
    }
}

/// A job.
#[derive(Clone, Debug)]
pub struct Job {
    /// The key of its terms.
    pub id: String,
    /// Counts jobs.
    pub seq: i64,
    /// What kind of work it is.
    pub kind: String,
    /// The command, as JSON.
    pub spec: String,
    /// How far it is.
    pub state: JobState,
    /// Counts changes.
    pub revision: i64,
    /// Who asked for it.
    pub owner: String,
    /// When.
    pub created: String,
    /// When it changed last.
    pub changed: String,
    /// Counts runs from the beginning.
    pub attempt: u32,
    /// Why it waits.
    pub reason: Option<String>,
    /// What is to be approved, as JSON.
    pub plan: Option<String>,
    /// What came out, as JSON.
    pub result: Option<String>,
    /// Why it was refused or failed, as JSON.
    pub problem: Option<String>,
    /// Of one that was interrupted, the state in which it goes on.
    pub resumes: Option<JobState>,
}

/// A change of a job's state or of the reason for which it waits.
#[derive(Clone, Debug)]
pub struct JobEvent {
    /// The job's revision after it.
    pub revision: i64,
    /// The state after it.
    pub state: JobState,
    /// Why it waits.
    pub reason: Option<String>,
    /// When.
    pub at: String,
}

/// An approval, or a click.
#[derive(Clone, Debug)]
pub struct StoredApproval {
    /// Who gave it here; whose signature it is decides the signer.
    pub person: String,
    /// `signed` or `console`.
    pub kind: String,
    /// The file's text; of a click, nothing.
    pub body: String,
    /// When.
    pub at: String,
}

/// What changes.
#[derive(Clone, Debug, Default)]
pub struct Change {
    /// The new state.
    pub state: Option<JobState>,
    /// The new reason; `Some(None)` removes it.
    pub reason: Option<Option<String>>,
    /// What is to be approved.
    pub plan: Option<String>,
    /// What came out.
    pub result: Option<String>,
    /// Why it was refused or failed.
    pub problem: Option<String>,
}

const COLUMNS: &str = "id, seq, kind, spec, state, revision, owner, created, changed, attempt, reason, plan, result, problem, \
     resumes";

fn job(row: &Row<'_>) -> rusqlite::Result<Result<Job, StoreError>> {
    let (state, resumes): (String, Option<String>) = (row.get(4)?, row.get(14)?);
    let states = JobState::of(&state).and_then(|state| Ok((state, resumes.as_deref().map(JobState::of).transpose()?)));
    let (state, resumes) = match states {
        Ok(states) => states,
        Err(error) => return Ok(Err(error)),
    };
    Ok(Ok(Job {
        id: row.get(0)?,
        seq: row.get(1)?,
        kind: row.get(2)?,
        spec: row.get(3)?,
        state,
        revision: row.get(5)?,
        owner: row.get(6)?,
        created: row.get(7)?,
        changed: row.get(8)?,
        attempt: row.get(9)?,
        reason: row.get(10)?,
        plan: row.get(11)?,
        result: row.get(12)?,
        problem: row.get(13)?,
        resumes,
    }))
}

fn one(connection: &Connection, id: &str) -> Result<Option<Job>, StoreError> {
    let select = format!("SELECT {COLUMNS} FROM job WHERE id = ?1");
    connection.query_row(&select, [id], job).optional()?.transpose()
}

fn note(transaction: &Transaction<'_>, job: &Job) -> Result<(), StoreError> {
    transaction.execute(
        "INSERT INTO job_event (job, revision, state, reason, at) VALUES (?1, ?2, ?3, ?4, ?5)",
        params![job.id, job.revision, job.state.as_str(), job.reason, job.changed],
    )?;
    Ok(())
}

/// A job that is posted.
#[derive(Clone, Debug)]
pub struct NewJob<'a> {
    /// The key of its terms.
    pub id: &'a str,
    /// What kind of work it is.
    pub kind: &'a str,
    /// The command, as JSON.
    pub spec: &'a str,
    /// Who asks for it.
    pub owner: &'a str,
    /// The uploads that it reads.
    pub uploads: &'a [String],
    /// Now, as text.
    pub now: &'a str,
}

impl Store {
    /// Adds a job, or finds the one with the same terms. One that was refused, failed or canceled starts again for the
    /// principal who asks now. Returns it, and whether it was there and goes on as it was.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn post_job(&self, new: &NewJob<'_>) -> Result<(Job, bool), StoreError> {
        self.transaction(|transaction| {
            match one(transaction, new.id)? {
                Some(job) if !job.state.is_end() || job.state.is_done() => return Ok((job, true)),
                Some(_) => {
                    let update = "UPDATE job SET state = 'received', ended = 0, revision = revision + 1, owner = ?2, \
                                  changed = ?3, attempt = attempt + 1, reason = NULL, plan = NULL, result = NULL, \
                                  problem = NULL, resumes = NULL, spec = ?4 WHERE id = ?1";
                    transaction.execute(update, [new.id, new.owner, new.now, new.spec])?;
                    transaction.execute("DELETE FROM approval WHERE job = ?1", [new.id])?;
                    transaction.execute("DELETE FROM job_upload WHERE job = ?1", [new.id])?;
                }
                None => {
                    let insert = "INSERT INTO job (id, seq, kind, spec, state, ended, revision, owner, created, changed, \
                                  attempt) VALUES (?1, (SELECT coalesce(max(seq), 0) + 1 FROM job), ?2, ?3, \
                                  'received', 0, 1, ?4, ?5, ?5, 1)";
                    transaction.execute(insert, [new.id, new.kind, new.spec, new.owner, new.now])?;
                }
            }
            for upload in new.uploads {
                transaction.execute("INSERT OR IGNORE INTO job_upload (job, upload) VALUES (?1, ?2)", [new.id, upload])?;
            }
            let job = one(transaction, new.id)?.ok_or_else(|| lost(new.id))?;
            note(transaction, &job)?;
            Ok((job, false))
        })
    }

    /// The job of this id.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn job(&self, id: &str) -> Result<Option<Job>, StoreError> {
        one(&self.connection(), id)
    }

    /// Jobs with a smaller number than `before`, the last ones first, at most `most`, in one state if that is said.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn jobs(&self, before: Option<i64>, state: Option<JobState>, most: u32) -> Result<Vec<Job>, StoreError> {
        let select = format!(
            "SELECT {COLUMNS} FROM job WHERE seq < ?1 AND (?2 IS NULL OR state = ?2) ORDER BY seq DESC LIMIT ?3"
        );
        let connection = self.connection();
        let mut statement = connection.prepare(&select)?;
        let values = params![before.unwrap_or(i64::MAX), state.map(JobState::as_str), most];
        let rows = statement.query_map(values, job)?;
        rows.map(|row| row?).collect()
    }

    /// Jobs that have not ended and are in one of these states, the first ones first.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn waiting(&self, states: &[JobState]) -> Result<Vec<Job>, StoreError> {
        let select = format!("SELECT {COLUMNS} FROM job WHERE ended = 0 ORDER BY seq");
        let connection = self.connection();
        let mut statement = connection.prepare(&select)?;
        let jobs: Vec<Job> = statement.query_map([], job)?.map(|row| row?).collect::<Result<_, StoreError>>()?;
        Ok(jobs.into_iter().filter(|job| states.contains(&job.state)).collect())
    }

    /// Changes a job that is in one of these states. Returns it, or `None` if it is not.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn change_job(
        &self,
        id: &str,
        from: &[JobState],
        change: &Change,
        now: &str,
    ) -> Result<Option<Job>, StoreError> {
        self.transaction(|transaction| {
            let Some(mut job) = one(transaction, id)?.filter(|job| from.contains(&job.state)) else { return Ok(None) };
            let before = job.state;
            job.state = change.state.unwrap_or(job.state);
            job.resumes = (job.state == JobState::Interrupted).then(|| job.resumes.unwrap_or(before));
            if let Some(reason) = &change.reason {
                job.reason.clone_from(reason);
            }
            job.plan = change.plan.clone().or(job.plan);
            job.result = change.result.clone().or(job.result);
            job.problem = change.problem.clone().or(job.problem);
            now.clone_into(&mut job.changed);
            job.revision += 1;
            transaction.execute(
                "UPDATE job SET state = ?2, ended = ?3, revision = ?4, changed = ?5, reason = ?6, plan = ?7, result = ?8, \
                 problem = ?9, resumes = ?10 WHERE id = ?1",
                params![
                    id,
                    job.state.as_str(),
                    job.state.is_end(),
                    job.revision,
                    job.changed,
                    job.reason,
                    job.plan,
                    job.result,
                    job.problem,
                    job.resumes.map(JobState::as_str)
                ],
            )?;
            note(transaction, &job)?;
            Ok(Some(job))
        })
    }

    /// What happened to a job after a revision.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn job_events(&self, id: &str, after: i64) -> Result<Vec<JobEvent>, StoreError> {
        let select = "SELECT revision, state, reason, at FROM job_event WHERE job = ?1 AND revision > ?2 ORDER BY revision LIMIT 1000";
        let connection = self.connection();
        let mut statement = connection.prepare(select)?;
        let event = |row: &Row<'_>| {
            let state: String = row.get(1)?;
            let (revision, reason, at) = (row.get(0)?, row.get(2)?, row.get(3)?);
            Ok(JobState::of(&state).map(|state| JobEvent { revision, state, reason, at }))
        };
        let rows = statement.query_map(params![id, after], event)?;
        rows.map(|row| row?).collect()
    }

    /// Adds an approval to a job that waits for one, with the state that follows. One person's second click changes
    /// nothing. Returns the job, or `None` if it does not wait.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn approve_job(&self, id: &str, approval: &StoredApproval, needed: u32) -> Result<Option<Job>, StoreError> {
        self.transaction(|transaction| {
            let Some(mut job) = one(transaction, id)?.filter(|job| job.state == JobState::AwaitingApproval) else {
                return Ok(None);
            };
            let StoredApproval { person, kind, body, at } = approval;
            let there = "SELECT count(*) FROM approval WHERE job = ?1 AND (body = ?2 AND kind = 'signed' OR \
                         kind = 'console' AND ?3 = 'console' AND person = ?4)";
            let there: u32 = transaction.query_row(there, [id, body, kind, person], |row| row.get(0))?;
            if there == 0 {
                transaction.execute(
                    "INSERT INTO approval (job, seq, person, kind, body, at) VALUES (?1, \
                     (SELECT coalesce(max(seq), 0) + 1 FROM approval WHERE job = ?1), ?2, ?3, ?4, ?5)",
                    [id, person, kind, body, at],
                )?;
            }
            let given: u32 =
                transaction.query_row("SELECT count(*) FROM approval WHERE job = ?1", [id], |r| r.get(0))?;
            if given >= needed {
                job.state = JobState::Approved;
                job.reason = None;
            } else {
                job.reason = Some(format!("{given} of {needed} approvals were given"));
            }
            job.revision += 1;
            job.changed.clone_from(at);
            transaction.execute(
                "UPDATE job SET state = ?2, revision = ?3, changed = ?4, reason = ?5 WHERE id = ?1",
                params![id, job.state.as_str(), job.revision, job.changed, job.reason],
            )?;
            note(transaction, &job)?;
            Ok(Some(job))
        })
    }

    /// The approvals of a job, in the order in which they came.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn approvals(&self, id: &str) -> Result<Vec<StoredApproval>, StoreError> {
        let connection = self.connection();
        let select = "SELECT person, kind, body, at FROM approval WHERE job = ?1 ORDER BY seq";
        let mut statement = connection.prepare(select)?;
        let rows = statement.query_map([id], |row| {
            Ok(StoredApproval { person: row.get(0)?, kind: row.get(1)?, body: row.get(2)?, at: row.get(3)? })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Removes the approvals of a job: the signer has refused them.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn drop_approvals(&self, id: &str) -> Result<(), StoreError> {
        self.connection().execute("DELETE FROM approval WHERE job = ?1", [id])?;
        Ok(())
    }

    /// The job for which a principal has used an idempotency key, with the digest of the request.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn keyed(&self, owner: &str, key: &str, now: i64) -> Result<Option<(String, String)>, StoreError> {
        let select = "SELECT request, job FROM idempotency WHERE owner = ?1 AND key = ?2 AND at > ?3";
        let values = params![owner, key, now - KEY_SECONDS];
        let row = self.connection().query_row(select, values, |row| Ok((row.get(0)?, row.get(1)?)));
        Ok(row.optional()?)
    }

    /// Notes for which job a principal has used an idempotency key, and forgets keys of an earlier week.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn note_key(&self, owner: &str, key: &str, request: &str, job: &str, now: i64) -> Result<(), StoreError> {
        self.transaction(|transaction| {
            transaction.execute("DELETE FROM idempotency WHERE at <= ?1", [now - KEY_SECONDS])?;
            let insert =
                "INSERT OR REPLACE INTO idempotency (owner, key, request, job, at) VALUES (?1, ?2, ?3, ?4, ?5)";
            transaction.execute(insert, params![owner, key, request, job, now])?;
            Ok(())
        })
    }
}

fn lost(id: &str) -> StoreError {
    StoreError::Content { what: format!("no job {id} after it was written") }
}

/// How long an idempotency key is known: 7 days.
const KEY_SECONDS: i64 = 7 * 86_400;
