//! Path building and path validation (RFC 5280 §6.1) over a short chain.
//!
//! Only CA certificates whose own signature leads to an anchor take part, so that junk in an archive can neither crowd
//! out a genuine intermediate nor multiply the work. Work is bounded three times: keys tried per certificate, length of
//! a path, and steps of the search. No certificate appears twice in a path, so there are no loops.

use std::cmp::Reverse;
use std::sync::Arc;

use smallvec::SmallVec;

use crate::crypto::{IssuerKey, PublicKey, Verdict};
use crate::x509::{BasicConstraints, Certificate, Name, Role, Spki, Time, check_extensions};

use super::anchor::TrustAnchor;
use super::codes;
use super::defect::Defect;
use super::relaxations::Relaxations;
use super::rules::Relaxation;
use super::{name, profile};

/// Most intermediates between a leaf and its anchor. ST's own chains have none, a chain under a third party's root one.
pub(super) const MAX_PATH: usize = 6;
/// Most CA certificates that are kept because they lead to an anchor.
pub(super) const MAX_INTERMEDIATES: usize = 128;
/// Most CA certificates that wait for their issuer to appear.
pub(super) const MAX_PENDING: usize = 1024;
/// Most different keys that are tried on one certificate's signature.
pub(super) const MAX_SIGNATURE_CHECKS: usize = 16;
/// Most steps of the search for one leaf's path.
const MAX_STEPS: usize = 1024;

/// Everything that may be above a leaf.
#[derive(Debug)]
pub(super) struct Authorities {
    anchors: Vec<TrustAnchor>,
    intermediates: Vec<Intermediate>,
    pending: Vec<Pending>,
    at: Time,
}

/// A CA certificate whose signature was verified under an anchor or another intermediate.
#[derive(Debug)]
struct Intermediate {
    certificate: Arc<Certificate>,
    key: IssuerKey,
    folded_name: Box<[u8]>,
    path_len: Option<u32>,
    self_issued: bool,
    /// Why no path may lead through it, although its signature is good.
    defect: Option<Defect>,
    parents: Links,
}

/// A CA certificate whose issuer has not appeared.
#[derive(Debug)]
struct Pending {
    certificate: Certificate,
    /// How many authorities were tried as its issuer.
    tried: usize,
}

/// A certificate's signature was verified with this authority's key.
#[derive(Clone, Copy, Debug)]
struct Link {
    parent: usize,
    needed: Relaxations,
}

/// Most certificates have one link.
type Links = SmallVec<[Link; 1]>;

/// A path to an anchor.
#[derive(Debug)]
pub(super) struct Route {
    /// Position of the anchor.
    pub(super) anchor: usize,
    /// Nearest to the leaf first.
    pub(super) path: Vec<Arc<Certificate>>,
    /// What the path needs, whether allowed or not.
    pub(super) needed: Relaxations,
}

/// What is known already of a certificate's signature: what one key says of it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Known<'a> {
    pub(super) key: &'a PublicKey,
    pub(super) verdict: Verdict,
}

/// How the names of issuer and subject agree.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Agreement {
    Bytes,
    LetterCase,
}

impl Authorities {
    pub(super) fn new(anchors: Vec<TrustAnchor>, at: Time) -> Self {
        Self { anchors, intermediates: vec![], pending: vec![], at }
    }

    pub(super) fn anchors(&self) -> &[TrustAnchor] {
        &self.anchors
    }

    /// The CA certificates that lead to an anchor.
    pub(super) fn intermediates(&self) -> impl Iterator<Item = &Certificate> {
        self.intermediates.iter().map(|intermediate| &*intermediate.certificate)
    }

    /// Whether an anchor or a verified intermediate has this very key.
    pub(super) fn have_key(&self, spki: &Spki) -> bool {
        self.anchors.iter().any(|anchor| anchor.spki() == spki)
            || self.intermediates.iter().any(|intermediate| intermediate.certificate.spki() == spki)
    }

    /// Takes a CA certificate from an input. It counts as soon as its signature leads to an anchor, and not before.
    ///
    /// Those whose issuer is unknown wait, up to a limit; a caller that has more than the limit offers them again after
    /// a promotion.
    pub(super) fn add(&mut self, certificate: Certificate) {
        let known = self
            .anchors
            .iter()
            .any(|anchor| anchor.spki() == certificate.spki() && anchor.name() == certificate.subject())
            || self.intermediates.iter().any(|other| other.certificate.der() == certificate.der())
            || self.pending.iter().any(|other| other.certificate.der() == certificate.der());
        // a relaxation that the reading needed would be lost: intermediates are strict DER or nothing
        let strict = Certificate::from_der(certificate.der()).is_ok();
        if known || !strict || !certificate.is_ca() || self.intermediates.len() == MAX_INTERMEDIATES {
            return;
        }
        // tried before it has to wait, so that a crowd of strangers cannot keep it out
        let links = self.all_links(&certificate, 0);
        if !links.is_empty() {
            self.promote(certificate, links);
            self.look_again();
        } else if self.pending.len() < MAX_PENDING {
            self.pending.push(Pending { certificate, tried: self.count() });
        }
    }

    /// Each promotion can be what another one waits for; each authority is tried once on each.
    fn look_again(&mut self) {
        let mut at = 0;
        while at < self.pending.len() && self.intermediates.len() < MAX_INTERMEDIATES {
            let waiting = &self.pending[at];
            let tried = self.count();
            if waiting.tried == tried {
                at += 1;
                continue;
            }
            let links = self.all_links(&waiting.certificate, waiting.tried);
            if links.is_empty() {
                self.pending[at].tried = tried;
                at += 1;
            } else {
                let certificate = self.pending.remove(at).certificate;
                self.promote(certificate, links);
                at = 0;
            }
        }
    }

    fn all_links(&self, certificate: &Certificate, from: usize) -> Links {
        let mut links = self.links(certificate, from, Agreement::Bytes, None).0;
        links.extend(self.links(certificate, from, Agreement::LetterCase, None).0);
        links
    }

    /// The best path above a leaf: nothing wrong with it, then the fewest relaxations that are not allowed, then the
    /// fewest relaxations, then an anchor that is itself valid, then the shortest, then the first anchor.
    ///
    /// # Errors
    /// The most specific reason why there is none.
    pub(super) fn find(
        &self,
        leaf: &Certificate,
        allowed: Relaxations,
        known: Option<Known<'_>>,
    ) -> Result<Route, Defect> {
        let mut search = Search { authorities: self, allowed, best: None, failure: None, steps: 0, chain: vec![] };
        let mut refused = None;
        for agreement in [Agreement::Bytes, Agreement::LetterCase] {
            let (links, defect) = self.links(leaf, 0, agreement, known);
            for link in links {
                search.visit(link.parent, link.needed);
            }
            refused = refused.or(defect);
            // names that differ in case are looked at only where equal names lead to nothing acceptable
            if search.best.as_ref().is_some_and(|(rank, _)| rank.not_allowed == 0) {
                break;
            }
        }
        let none = || {
            Defect::new(
                codes::CHAIN_NO_TRUST_ANCHOR,
                format!(
                    "no trust anchor has the issuer's name `{}`, and no CA certificate that leads to one",
                    leaf.issuer()
                ),
            )
        };
        match (search.best, search.failure) {
            (Some((_, route)), _) => Ok(route),
            (None, Some(failure)) => Err(failure),
            (None, None) => Err(refused.unwrap_or_else(none)),
        }
    }

    /// The key that is tried first on a certificate's signature.
    pub(super) fn first_key(&self, certificate: &Certificate) -> Option<(usize, &IssuerKey)> {
        let first = (0..self.count()).find(|authority| self.name(*authority) == certificate.issuer())?;
        Some((first, self.issuer_key(first)))
    }

    fn promote(&mut self, certificate: Certificate, parents: Links) {
        // without a valid key it cannot have signed anything
        let Ok(key) = PublicKey::from_spki(certificate.spki()) else { return };
        let Ok(Some(BasicConstraints { ca: true, path_len })) = certificate.basic_constraints() else { return };
        let index = self.count();
        let defect = self.check_intermediate(&certificate).err();
        self.intermediates.push(Intermediate {
            key: IssuerKey::new(key),
            folded_name: name::fold_case(certificate.subject()).into(),
            path_len,
            self_issued: certificate.subject() == certificate.issuer(),
            defect: defect.map(|defect| defect.of(&format!("intermediate `{}`", certificate.subject()))),
            parents,
            certificate: Arc::new(certificate),
        });
        for child in 0..self.intermediates.len() - 1 {
            let certificate = Arc::clone(&self.intermediates[child].certificate);
            for agreement in [Agreement::Bytes, Agreement::LetterCase] {
                let links = self.links(&certificate, index, agreement, None).0;
                self.intermediates[child].parents.extend(links);
            }
        }
    }

    fn check_intermediate(&self, certificate: &Certificate) -> Result<(), Defect> {
        profile::check_ca(certificate)?;
        check_extensions(certificate, Role::Ca)?;
        let validity = certificate.validity();
        if !validity.contains(self.at) {
            return Err(Defect::new(
                codes::CHAIN_INTERMEDIATE_TIME,
                format!("valid from {} to {}, not at {}", validity.not_before(), validity.not_after(), self.at),
            ));
        }
        Ok(())
    }

    /// The authorities from `from` on whose name agrees and whose key verifies the certificate's signature; and if none
    /// does, why not.
    fn links(
        &self,
        certificate: &Certificate,
        from: usize,
        agreement: Agreement,
        known: Option<Known<'_>>,
    ) -> (Links, Option<Defect>) {
        let folded = match agreement {
            Agreement::Bytes => vec![],
            Agreement::LetterCase => name::fold_case(certificate.issuer()),
        };
        let mut needed = Relaxations::default();
        if agreement == Agreement::LetterCase {
            needed.insert(Relaxation::IssuerNameCase);
        }
        if certificate.signature_algorithm().is_over_sha1() {
            needed.insert(Relaxation::Sha1Signature);
        }
        let mut links = Links::new();
        let mut defect: Option<Defect> = None;
        let mut tried: SmallVec<[(&PublicKey, bool); 1]> = SmallVec::new();
        for parent in from..self.count() {
            let same_bytes = self.name(parent) == certificate.issuer();
            let agrees = match agreement {
                Agreement::Bytes => same_bytes,
                Agreement::LetterCase => !same_bytes && *self.folded_name(parent) == *folded,
            };
            if !agrees {
                continue;
            }
            let key = self.key(parent);
            let verified = match tried.iter().find(|(other, _)| *other == key) {
                Some((_, verified)) => *verified,
                None if tried.len() == MAX_SIGNATURE_CHECKS => {
                    defect = Some(Defect::new(
                        codes::CHAIN_TOO_MANY_CANDIDATES,
                        format!(
                            "more than {MAX_SIGNATURE_CHECKS} keys share the issuer's name `{}`",
                            certificate.issuer()
                        ),
                    ));
                    break;
                }
                None => {
                    let result = match known.filter(|known| known.key == key) {
                        Some(known) => known.verdict,
                        None => {
                            key.verify(certificate.signature_algorithm(), certificate.tbs(), certificate.signature())
                        }
                    };
                    tried.push((key, result.is_ok()));
                    if let Err(error) = result {
                        let new = Defect::from(error).of(&format!("issuer `{}`", self.name(parent)));
                        // an issuer whose key fits says more than one whose key does not
                        defect = match defect {
                            Some(old) if new.code == codes::SIGNATURE_ALGORITHM => Some(old),
                            Some(old) if old.code == codes::SIGNATURE_INVALID => Some(old),
                            _ => Some(new),
                        };
                    }
                    result.is_ok()
                }
            };
            if verified {
                links.push(Link { parent, needed });
            }
        }
        (links, defect)
    }

    // Authorities are counted through: the anchors, then the intermediates.

    fn count(&self) -> usize {
        self.anchors.len() + self.intermediates.len()
    }

    fn intermediate(&self, index: usize) -> Option<&Intermediate> {
        index.checked_sub(self.anchors.len()).map(|index| &self.intermediates[index])
    }

    fn name(&self, index: usize) -> &Name {
        self.intermediate(index).map_or_else(|| self.anchors[index].name(), |found| found.certificate.subject())
    }

    fn folded_name(&self, index: usize) -> &[u8] {
        self.intermediate(index).map_or_else(|| self.anchors[index].folded_name(), |found| &found.folded_name)
    }

    fn key(&self, index: usize) -> &PublicKey {
        self.issuer_key(index).public_key()
    }

    fn issuer_key(&self, index: usize) -> &IssuerKey {
        self.intermediate(index).map_or_else(|| self.anchors[index].key(), |found| &found.key)
    }
}

/// The search for one leaf.
struct Search<'a> {
    authorities: &'a Authorities,
    allowed: Relaxations,
    best: Option<(Rank, Route)>,
    failure: Option<Defect>,
    steps: usize,
    /// Intermediates from the leaf upwards.
    chain: Vec<usize>,
}

/// Lower is better.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Rank {
    not_allowed: u32,
    needed: u32,
    anchor_valid: Reverse<bool>,
    length: usize,
    anchor: usize,
}

impl Search<'_> {
    fn visit(&mut self, index: usize, needed: Relaxations) {
        self.steps += 1;
        if self.steps > MAX_STEPS {
            self.fail(codes::CHAIN_TOO_MANY_CANDIDATES, "the search for a path took too many steps".into());
            return;
        }
        let authorities = self.authorities;
        let Some(intermediate) = authorities.intermediate(index) else {
            let anchor = &authorities.anchors[index];
            if self.check_path_len(anchor.path_len(), anchor.name()) {
                self.arrive(index, needed);
            }
            return;
        };
        if self.chain.iter().any(|below| self.same_ca(*below, index)) {
            return;
        }
        if self.chain.len() == MAX_PATH {
            self.fail(codes::CHAIN_TOO_DEEP, format!("the path has more than {MAX_PATH} intermediates"));
            return;
        }
        if let Some(defect) = &intermediate.defect {
            self.failure.get_or_insert_with(|| defect.clone());
            return;
        }
        if !self.check_path_len(intermediate.path_len, intermediate.certificate.subject()) {
            return;
        }
        self.chain.push(index);
        for link in &intermediate.parents {
            self.visit(link.parent, needed.union(link.needed));
        }
        self.chain.pop();
    }

    fn arrive(&mut self, index: usize, mut needed: Relaxations) {
        let anchor = &self.authorities.anchors[index];
        if anchor.is_test() {
            needed.insert(Relaxation::TestAnchor);
        }
        let rank = Rank {
            not_allowed: needed.without(self.allowed).len(),
            needed: needed.len(),
            anchor_valid: Reverse(anchor.certificate().validity().contains(self.authorities.at)),
            length: self.chain.len(),
            anchor: index,
        };
        if self.best.as_ref().is_none_or(|(best, _)| rank < *best) {
            let certificate = |index: &usize| {
                let intermediate = self.authorities.intermediate(*index).expect("the chain holds intermediates");
                Arc::clone(&intermediate.certificate)
            };
            let path = self.chain.iter().map(certificate).collect();
            self.best = Some((rank, Route { anchor: index, path, needed }));
        }
    }

    /// RFC 5280 §6.1.4 (l), (m): self-issued certificates do not count.
    fn check_path_len(&mut self, path_len: Option<u32>, name: &Name) -> bool {
        let Some(limit) = path_len else { return true };
        let below = self
            .chain
            .iter()
            .filter(|index| self.authorities.intermediate(**index).is_some_and(|found| !found.self_issued))
            .count();
        let fits = u32::try_from(below).is_ok_and(|below| below <= limit);
        if !fits {
            self.fail(
                codes::CHAIN_PATH_LENGTH,
                format!("`{name}` allows {limit} intermediates below it, found {below} (RFC 5280 §4.2.1.9)"),
            );
        }
        fits
    }

    /// The same certificate, or another one for the same name and key (RFC 4158 §2.4.2).
    fn same_ca(&self, one: usize, other: usize) -> bool {
        one == other
            || (self.authorities.name(one) == self.authorities.name(other)
                && self.authorities.key(one) == self.authorities.key(other))
    }

    fn fail(&mut self, code: crate::origin::Code, reason: String) {
        self.failure.get_or_insert_with(|| Defect::new(code, reason));
    }
}
