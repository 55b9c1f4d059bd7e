//! Reads every error from the sources: its words, when it occurs, its hint, its kind of failure and its code.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use syn::parse::{Parse, ParseStream};
use syn::{Attribute, Expr, ExprLit, Fields, ImplItem, Item, ItemImpl, Lit, LitStr, Meta, Token, Type};

use super::arms::{Said, said_of, texts};
use super::template::Template;
use crate::source;

/// A type whose values are errors.
pub(super) struct ErrorType {
    /// Folder of the crate below `crates`.
    pub(super) library: String,
    /// The file, below the crate's `src`.
    pub(super) file: String,
    pub(super) name: String,
    /// What its doc comment says.
    pub(super) about: String,
    /// One without a name for a struct.
    pub(super) variants: Vec<Variant>,
}

/// One kind of error.
pub(super) struct Variant {
    pub(super) name: String,
    /// What its doc comment says.
    pub(super) when: String,
    pub(super) shown: Shown,
    pub(super) hint: Vec<Said>,
    /// Names of `Class`.
    pub(super) class: Vec<Said>,
    pub(super) code: Vec<Said>,
}

/// How an error is printed.
pub(super) enum Shown {
    Text(Template),
    /// As the error inside, which is of this type.
    Inner(String),
}

impl ErrorType {
    /// The name of a variant in texts: `issue: LedgerError::Locked`.
    pub(super) fn key(&self, variant: &Variant) -> String {
        let place = if variant.name.is_empty() { String::new() } else { format!("::{}", variant.name) };
        format!("{}: {}{place}", self.library, self.name)
    }
}

/// Every error of the libraries and the programs, in the order of the page.
pub(super) fn read(root: &Path) -> Vec<ErrorType> {
    let mut all = Vec::new();
    for (library, folder) in [
        ("issue", "crates/issue/src"),
        ("core", "crates/core/src"),
        ("pkcs11-pool", "crates/pkcs11-pool/src"),
        ("service", "crates/service/src"),
        ("check", "crates/check/src"),
        ("reroot", "src"),
    ] {
        let folder = root.join(folder);
        let files: Vec<(String, syn::File)> = source::files(&folder)
            .into_iter()
            .filter(|path| !is_test(path.strip_prefix(&folder).expect("it is inside")))
            .map(|path| {
                let text = std::fs::read_to_string(&path).expect("source is text");
                let file = syn::parse_file(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
                (path.strip_prefix(&folder).expect("it is inside").to_string_lossy().into_owned(), file)
            })
            .collect();
        let codes = Codes::of(&files);
        for (path, file) in &files {
            all.extend(types_of(library, path, file, &codes));
        }
    }
    all
}

fn is_test(path: &Path) -> bool {
    path.components()
        .any(|part| ["tests", "tests.rs", "testing", "testing.rs"].iter().any(|name| *part.as_os_str() == **name))
}

fn types_of(library: &str, path: &str, file: &syn::File, codes: &Codes) -> Vec<ErrorType> {
    let constants = Constants { texts: texts(&file.items), codes, folder: folder_of(path) };
    let mut found = Vec::new();
    for item in &file.items {
        let (attributes, name, variants): (_, _, Vec<(String, &[Attribute], &Fields)>) = match item {
            Item::Enum(item) => {
                let of = item.variants.iter().map(|one| (one.ident.to_string(), &*one.attrs, &one.fields)).collect();
                (&item.attrs, item.ident.to_string(), of)
            }
            Item::Struct(item) => {
                (&item.attrs, item.ident.to_string(), vec![(String::new(), &*item.attrs, &item.fields)])
            }
            _ => continue,
        };
        if !derives_error(attributes) {
            continue;
        }
        let variants = variants.into_iter().map(|(variant, attributes, fields)| {
            let about = |functions: &[&str]| said_in(file, &name, &variant, functions, &constants);
            let code = about(&["code"]);
            let mut hint = about(&["hint", "check"]);
            if hint.is_empty() {
                hint = code.iter().filter_map(|said| codes.hint(said)).collect();
            }
            Variant {
                when: if variant.is_empty() { String::new() } else { doc(attributes) },
                shown: shown(attributes, fields),
                class: about(&["class"]),
                hint,
                code,
                name: variant.clone(),
            }
        });
        let variants = variants.collect();
        let about = doc(attributes);
        found.push(ErrorType { library: library.to_owned(), file: path.to_owned(), name, about, variants });
    }
    found
}

/// What the functions of a type say of a variant: those of the first of these names that says anything.
fn said_in(file: &syn::File, name: &str, variant: &str, functions: &[&str], constants: &Constants) -> Vec<Said> {
    let methods = file.items.iter().filter_map(|item| match item {
        Item::Impl(ItemImpl { trait_: None, self_ty, items, .. }) if last_word(self_ty) == name => Some(items),
        _ => None,
    });
    let methods: Vec<_> = methods.flatten().collect();
    let with_name = |wanted: &str| {
        methods.iter().find_map(|item| match item {
            ImplItem::Fn(function) if function.sig.ident == wanted => Some(&function.block),
            _ => None,
        })
    };
    let mut said = Vec::new();
    for block in functions.iter().filter_map(|name| with_name(name)) {
        said = said_of(block, variant, constants);
        if said.iter().any(|one| *one != Said::Depends) {
            break;
        }
    }
    said
}

fn derives_error(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| match &attribute.meta {
        Meta::List(list) if list.path.is_ident("derive") => {
            list.tokens.to_string().split(|c: char| !c.is_alphanumeric()).any(|word| word == "Error")
        }
        _ => false,
    })
}

/// The doc comment in one line.
fn doc(attributes: &[Attribute]) -> String {
    let lines = attributes.iter().filter_map(|attribute| match &attribute.meta {
        Meta::NameValue(pair) if pair.path.is_ident("doc") => match &pair.value {
            Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) => Some(text.value().trim().to_owned()),
            _ => None,
        },
        _ => None,
    });
    let text = lines.take_while(|line| !line.is_empty()).collect::<Vec<_>>().join(" ");
    // links of the compiler's documentation are words here
    let mut plain = String::with_capacity(text.len());
    let mut rest = text.as_str();
    while let Some((before, link)) = rest.split_once("[`") {
        let Some((name, after)) = link.split_once("`]") else { break };
        plain += before;
        write!(plain, "`{name}`").expect("writing to a String");
        rest = match after.strip_prefix('(') {
            Some(target) => target.split_once(')').map_or("", |(_, after)| after),
            None => after,
        };
    }
    plain + rest
}

fn shown(attributes: &[Attribute], fields: &Fields) -> Shown {
    let attribute = attributes.iter().find(|one| one.path().is_ident("error")).expect("each variant has its words");
    let Meta::List(list) = &attribute.meta else { panic!("#[error(...)] has parentheses") };
    if list.tokens.to_string() == "transparent" {
        let field = fields.iter().next().expect("it has the error inside");
        return Shown::Inner(last_word(&field.ty));
    }
    let words: Words = attribute.parse_args().expect("#[error(...)] begins with its words");
    let names: Vec<String> = fields.iter().filter_map(|field| field.ident.as_ref().map(ToString::to_string)).collect();
    Shown::Text(Template::new(&words.text, &words.arguments, &names))
}

/// What is inside `#[error(...)]`.
struct Words {
    text: String,
    arguments: String,
}

impl Parse for Words {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let text = input.parse::<LitStr>()?.value();
        let arguments = input.to_string();
        input.step(|cursor| {
            let mut rest = *cursor;
            while let Some((_, next)) = rest.token_tree() {
                rest = next;
            }
            Ok(((), rest))
        })?;
        Ok(Self { text, arguments })
    }
}

/// The last word of a type's path, of what is boxed if it is in a box.
fn last_word(of: &Type) -> String {
    let Type::Path(path) = of else { return String::new() };
    let last = path.path.segments.last().expect("a path has a segment");
    match &last.arguments {
        syn::PathArguments::AngleBracketed(inside) if last.ident == "Box" => match inside.args.first() {
            Some(syn::GenericArgument::Type(inner)) => last_word(inner),
            _ => String::new(),
        },
        _ => last.ident.to_string(),
    }
}

fn folder_of(path: &str) -> String {
    path.rsplit_once('/').map_or("", |(folder, _)| folder).to_owned()
}

/// What names in the functions of a file stand for.
pub(super) struct Constants<'a> {
    /// Text constants of the file.
    pub(super) texts: BTreeMap<String, String>,
    codes: &'a Codes,
    folder: String,
}

impl Constants<'_> {
    /// The dotted code of a constant's name.
    pub(super) fn code(&self, name: &str) -> Option<String> {
        self.codes.text(&self.folder, name)
    }
}

/// The codes of a library: by folder and name of the constant.
struct Codes(BTreeMap<(String, String), (String, Option<String>)>);

impl Codes {
    fn of(files: &[(String, syn::File)]) -> Self {
        let mut codes = BTreeMap::new();
        for (path, file) in files {
            let constants = texts(&file.items);
            let inside = file.items.iter().filter_map(|item| match item {
                Item::Mod(module) => module.content.as_ref().map(|(_, items)| items),
                _ => None,
            });
            for item in file.items.iter().chain(inside.flatten()) {
                let Item::Macro(item) = item else { continue };
                if item.mac.path.segments.last().is_none_or(|last| last.ident != "codes") {
                    continue;
                }
                let Rows(rows) = item.mac.parse_body().unwrap_or_else(|error| panic!("{path}: codes: {error}"));
                for (name, code, hint) in rows {
                    let hint = hint.and_then(|hint| super::arms::text(&hint, &constants));
                    codes.insert((folder_of(path), name), (code, hint));
                }
            }
        }
        Self(codes)
    }

    fn text(&self, folder: &str, name: &str) -> Option<String> {
        self.0.get(&(folder.to_owned(), name.to_owned())).map(|(code, _)| code.clone())
    }

    fn hint(&self, code: &Said) -> Option<Said> {
        let Said::Text(code) = code else { return None };
        let (_, hint) = self.0.values().find(|(text, _)| text == code)?;
        hint.clone().map(Said::Text)
    }
}

/// The rows of `codes! { pub const; NAME = "stage.code", "meaning" => "Hint."; }`.
struct Rows(Vec<(String, String, Option<Expr>)>);

impl Parse for Rows {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        input.parse::<syn::Visibility>()?;
        input.parse::<Token![const]>()?;
        input.parse::<Token![;]>()?;
        let mut rows = Vec::new();
        while !input.is_empty() {
            let name: syn::Ident = input.parse()?;
            input.parse::<Token![=]>()?;
            let code: LitStr = input.parse()?;
            input.parse::<Token![,]>()?;
            input.parse::<LitStr>()?;
            let hint = if input.peek(Token![=>]) {
                input.parse::<Token![=>]>()?;
                Some(input.parse()?)
            } else {
                None
            };
            input.parse::<Token![;]>()?;
            rows.push((name.to_string(), code.value(), hint));
        }
        Ok(Self(rows))
    }
}
