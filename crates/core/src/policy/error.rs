//! What is wrong with a policy: the codes.

pub(super) use crate::toml::Mistakes;
pub use crate::toml::{FileError as PolicyError, FileErrors as PolicyErrors};

codes! {
    pub(super) const;

    BATCH_ID = "policy.batch.id", "the batch id is not a UUID";
    CHARACTERS = "policy.text.characters", "a text can hold characters that its string type or its use forbids";
    CONTRADICTION = "policy.contradiction", "two lines of the policy cannot both hold";
    CRL_SIZE = "policy.revocation.crl-size", "a CRL can become larger than the policy allows";
    CRITICALITY = "policy.extension.criticality", "the standard leaves no choice, or another one, for `critical`";
    DUPLICATE = "policy.value.duplicate", "a value appears twice in a list of distinct values";
    DURATION = "policy.duration.invalid", "not a duration in calendar years, days and hours";
    EMPTY = "policy.value.empty", "a list or text is empty where the standard wants at least one";
    FOREIGN = "policy.foreign.unpromised", "the policy demands what an external CA does not promise";
    FORM = "policy.value.form", "a text does not have the form its field wants";
    ISSUER_END = "policy.issuer.end", "a CA above the issuing CA ends first, and certificates may not outlive their CA";
    ISSUER_KEY = "policy.issuer.key", "the issuing CA's key cannot make the signatures of the policy";
    ISSUER_KEY_IDENTIFIER = "policy.issuer.key-identifier", "the issuing CA has no subjectKeyIdentifier to copy";
    ISSUER_PURPOSE = "policy.issuer.purpose", "the extendedKeyUsage of a CA forbids a purpose of the policy";
    KEY_MISSING = "policy.key.missing", "a line that every policy must have is missing";
    KEY_UNKNOWN = "policy.key.unknown", "a key that no policy has";
    LEAF_COMMON_NAME = "policy.leaf.common-name", "the source leaf's common name is missing or unfit to be copied"
        => "The policy copies the leaf's common name, which this leaf does not have in a usable form: change the policy, or leave the chip out.";
    LEAF_FAMILY = "policy.leaf.family", "the source leaf is of another chip family than the policy's"
        => "Use the policy for this chip family; `source.family` names the family of a policy.";
    LEAF_KEY = "policy.leaf.key", "the source leaf's key is of a kind that the policy does not list"
        => "To certify such keys, list them in the policy's source.keys.";
    LEAF_VALIDITY = "policy.leaf.validity", "the validity that the policy derives from this source leaf is not allowed"
        => "Compare the policy's validity with the dates of the leaf and of the issuing CA, and change the policy.";
    LENGTH = "policy.text.length", "a text can be shorter or longer than its field allows";
    LINT = "policy.lint", "a certificate of this policy and this issuer would fail a lint";
    NEVER_ALLOWED = "policy.right.never-allowed", "a right that no device certificate may have";
    OID = "policy.oid.invalid", "not an object identifier";
    OID_HAS_FIELD = "policy.oid.has-field", "an extension by object identifier that has a field of its own";
    PARAM_MISMATCH = "policy.param.mismatch", "a parameter's value does not match its pattern";
    PARAM_MISSING = "policy.param.missing", "a parameter that the policy declares was not given";
    PARAM_NAME = "policy.param.name", "a parameter's name is not usable in a placeholder";
    PARAM_PATTERN = "policy.param.pattern", "a parameter's pattern is not one whose values can be bounded";
    PARAM_UNKNOWN = "policy.param.unknown", "a parameter was given that the policy does not declare";
    PARAM_UNUSED = "policy.param.unused", "a parameter is declared and used nowhere";
    PLACEHOLDER = "policy.placeholder.syntax", "a placeholder is not written as `{name|filter}`";
    PLACEHOLDER_FAMILY = "policy.placeholder.family", "a placeholder that the policy's chip family does not have";
    PLACEHOLDER_FILTER = "policy.placeholder.filter", "a filter that is unknown or does not fit what it is applied to";
    PLACEHOLDER_UNKNOWN = "policy.placeholder.unknown", "a placeholder that is neither built in nor declared";
    SIZE = "policy.device.size", "certificates of this policy can be larger than the device's limit";
    SYNTAX = "policy.toml.syntax", "the file is not TOML";
    TIME = "policy.time.invalid", "not a time";
    TYPE = "policy.value.type", "a value has another TOML type than its key wants";
    VALIDITY = "policy.validity.issuer", "the validity is not allowed under this issuer";
    VALUE = "policy.value.unknown", "a value that its key does not know";
}
