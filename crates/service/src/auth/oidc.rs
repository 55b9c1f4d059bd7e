//! People whom the OpenID provider knows.

use crate::app::App;
use crate::auth::users;
use crate::oidc::Claims;
use crate::principal::{Principal, Role, Shown};
use crate::problem::{AUTH_REFUSED, Problem};
use crate::settings::OidcSettings;

/// Who shows an ID token without a login of this service: a program that has got one for this client.
///
/// # Errors
/// There is no provider, the token is not good, or its groups have no role here.
pub fn principal(app: &App, token: &str) -> Result<Principal, Problem> {
    let Some(provider) = app.oidc() else {
        return Err(Problem::new(AUTH_REFUSED, "there is no OpenID provider in the settings"));
    };
    let claims = provider.check(token, None, app.world().now().unix())?;
    of_claims(provider.settings(), &claims)
}

/// Who it is, and what they may do: the claim that the settings choose is the name, their table makes roles of groups.
///
/// # Errors
/// The token has no such name, or its groups give no role, or roles that nobody has at once.
pub fn of_claims(settings: &OidcSettings, claims: &Claims) -> Result<Principal, Problem> {
    let refused = |what: String| Problem::new(AUTH_REFUSED, what);
    let claim = &settings.name_claim;
    let name = claims.text(claim).ok_or_else(|| refused(format!("the ID token has no text in its claim `{claim}`")))?;
    if claim == "email" && !claims.is_true("email_verified") {
        let what = "the provider does not say in `email_verified` that the address was verified";
        return Err(refused(what.to_owned()));
    }
    users::check_name(claim, name).map_err(|problem| refused(problem.document().detail.clone()))?;
    let groups = claims.texts(&settings.groups_claim);
    let named = settings.roles.iter().filter(|(group, _)| groups.contains(&group.as_str()));
    let mut roles: Vec<Role> = named.flat_map(|(_, roles)| roles.iter().copied()).collect();
    roles.sort_unstable_by_key(|role| *role as u8);
    roles.dedup();
    if roles.is_empty() {
        let what =
            format!("no group of `{name}` has a role here: `{}` has none of [oidc.roles]", settings.groups_claim);
        return Err(refused(what));
    }
    let roles = users::check_roles(&roles).map_err(|problem| {
        refused(format!("the groups of `{name}` do not go together: {}", problem.document().detail))
    })?;
    Ok(Principal { name: name.to_owned(), roles, shown: Shown::Provider, areas: None })
}

#[cfg(test)]
mod tests;
