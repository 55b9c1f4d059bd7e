//! Reads what a function says of each variant: the arms of its `match self`.

use std::collections::BTreeMap;

use syn::visit::Visit;
use syn::{Arm, Block, Expr, ExprLit, ExprMatch, Item, Lit, Pat, Stmt};

use super::catalogue::Constants;
use super::template::Template;

/// What an arm says.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Said {
    /// As the error inside says.
    Cause,
    /// Computed from what was found.
    Depends,
    /// Nothing.
    Nothing,
    /// This text.
    Text(String),
}

/// What a function's body says of a variant; of a struct, whose variant has no name, of all its values.
pub(super) fn said_of(block: &Block, variant: &str, constants: &Constants<'_>) -> Vec<Said> {
    let mut finder = Finder { found: None };
    finder.visit_block(block);
    let Some(found) = finder.found else {
        return tail(block).map_or_else(|| vec![Said::Depends], |last| said(last, constants));
    };
    let mut all = Vec::new();
    for arm in &found.arms {
        let Some(conditional) = concerns(&arm.pat, variant) else { continue };
        all.extend(said(&arm.body, constants).into_iter().filter(|one| !all.contains(one)).collect::<Vec<_>>());
        if !conditional && arm.guard.is_none() {
            break;
        }
    }
    // "nothing" beside something is an arm for other values
    if all.iter().any(|one| *one != Said::Nothing) {
        all.retain(|one| *one != Said::Nothing);
    }
    all
}

/// The first `match self` of a function.
struct Finder {
    found: Option<ExprMatch>,
}

impl<'ast> Visit<'ast> for Finder {
    fn visit_expr_match(&mut self, one: &'ast ExprMatch) {
        let mut on = &*one.expr;
        while let Expr::Unary(syn::ExprUnary { expr, .. }) | Expr::Paren(syn::ExprParen { expr, .. }) = on {
            on = expr;
        }
        match on {
            Expr::Path(path) if path.path.is_ident("self") => {
                self.found.get_or_insert_with(|| one.clone());
            }
            _ => syn::visit::visit_expr_match(self, one),
        }
    }
}

/// Whether a pattern takes values of a variant: `Some(true)` if only some of them.
fn concerns(pattern: &Pat, variant: &str) -> Option<bool> {
    let last = |path: &syn::Path| path.segments.last().is_some_and(|last| last.ident == variant);
    match pattern {
        Pat::Or(or) => {
            let mut parts = or.cases.iter().filter_map(|case| concerns(case, variant));
            parts.next().map(|first| parts.fold(first, |all, one| all && one))
        }
        Pat::Struct(of) => last(&of.path).then(|| of.fields.iter().any(|field| selects(&field.pat))),
        Pat::TupleStruct(of) => last(&of.path).then(|| of.elems.iter().any(selects)),
        Pat::Path(of) => last(&of.path).then_some(false),
        Pat::Ident(of) => match &of.subpat {
            Some((_, inner)) => concerns(inner, variant),
            None => Some(false),
        },
        Pat::Wild(_) => Some(false),
        Pat::Paren(of) => concerns(&of.pat, variant),
        _ => None,
    }
}

/// Whether a part of a pattern takes some values and leaves others.
fn selects(pattern: &Pat) -> bool {
    match pattern {
        Pat::Wild(_) | Pat::Rest(_) => false,
        Pat::Ident(of) => match &of.subpat {
            Some((_, inner)) => selects(inner),
            // a constant, in capitals
            None => of.ident.to_string().chars().all(|c| c.is_ascii_uppercase() || c == '_'),
        },
        _ => true,
    }
}

fn tail(block: &Block) -> Option<&Expr> {
    match block.stmts.last()? {
        Stmt::Expr(expression, _) => Some(expression),
        _ => None,
    }
}

/// What an expression says.
fn said(expression: &Expr, constants: &Constants<'_>) -> Vec<Said> {
    if let Some(text) = text(expression, &constants.texts) {
        return vec![Said::Text(text)];
    }
    let each = |parts: Vec<&Expr>| parts.into_iter().flat_map(|part| said(part, constants)).collect::<Vec<_>>();
    match expression {
        Expr::Path(path) => {
            let segments: Vec<String> = path.path.segments.iter().map(|one| one.ident.to_string()).collect();
            let last = segments.last().expect("a path has a segment");
            match segments.first().map(String::as_str) {
                Some("Class") => vec![Said::Text(last.clone())],
                Some("None") => vec![Said::Nothing],
                _ => vec![constants.code(last).map_or(Said::Depends, Said::Text)],
            }
        }
        Expr::Call(call) if is_path(&call.func, "Some") => each(call.args.iter().collect()),
        Expr::MethodCall(call) => match call.method.to_string().as_str() {
            "hint" | "class" | "code" => vec![Said::Cause],
            "to_owned" | "into" | "to_string" | "map" => said(&call.receiver, constants),
            _ => vec![Said::Depends],
        },
        Expr::Return(back) => each(back.expr.iter().map(|inner| &**inner).collect()),
        Expr::Paren(inner) => said(&inner.expr, constants),
        Expr::Reference(inner) => said(&inner.expr, constants),
        Expr::Block(block) => match tail(&block.block) {
            Some(last) if block.block.stmts.len() == 1 => said(last, constants),
            _ => vec![Said::Depends],
        },
        Expr::Match(inner) => inner.arms.iter().flat_map(|arm: &Arm| said(&arm.body, constants)).collect(),
        Expr::If(inner) => {
            let mut all = tail(&inner.then_branch).map_or_else(Vec::new, |last| said(last, constants));
            all.extend(inner.else_branch.iter().flat_map(|(_, other)| said(other, constants)));
            all
        }
        _ => vec![Said::Depends],
    }
}

fn is_path(expression: &Expr, name: &str) -> bool {
    matches!(expression, Expr::Path(path) if path.path.is_ident(name))
}

/// The text that an expression is, if it is one: a literal, a constant, or a format of literals.
pub(super) fn text(expression: &Expr, constants: &BTreeMap<String, String>) -> Option<String> {
    match expression {
        Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) => Some(text.value()),
        Expr::Path(path) => path.path.get_ident().and_then(|name| constants.get(&name.to_string()).cloned()),
        Expr::Reference(inner) => text(&inner.expr, constants),
        Expr::Macro(of) if of.mac.path.is_ident("format") => {
            let tokens = of.mac.tokens.to_string();
            let literal: syn::LitStr = of
                .mac
                .parse_body_with(|input: syn::parse::ParseStream<'_>| {
                    let literal = input.parse()?;
                    input.step(|cursor| {
                        let mut rest = *cursor;
                        while let Some((_, next)) = rest.token_tree() {
                            rest = next;
                        }
                        Ok(((), rest))
                    })?;
                    Ok(literal)
                })
                .ok()?;
            let arguments = tokens.split_once("\" ,").map_or("", |(_, after)| after);
            Some(Template::new(&literal.value(), arguments, &[]).shown())
        }
        _ => None,
    }
}

/// The text constants among some items.
pub(super) fn texts(items: &[Item]) -> BTreeMap<String, String> {
    let mut all = BTreeMap::new();
    for item in items {
        if let Item::Const(one) = item
            && let Some(text) = text(&one.expr, &all)
        {
            all.insert(one.ident.to_string(), text);
        }
    }
    all
}
