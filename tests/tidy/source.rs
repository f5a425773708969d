//! One source file: its size, its functions, its markers.

use std::path::{Path, PathBuf};

use proc_macro2::{Span, TokenStream, TokenTree};
use syn::spanned::Spanned;
use syn::visit::{self, Visit};

/// Most lines of production code in a file.
const FILE_LIMIT: usize = 500;

/// Most lines of code in a function's body; blank lines and comments do not count.
const FUNCTION_LIMIT: usize = 70;

/// Words that mark something unfinished. Joined here so that this file does not hold them.
const MARKERS: [&str; 4] = [
    concat!("TO", "DO"),
    concat!("FIX", "ME"),
    concat!("XX", "X"),
    concat!("HA", "CK"),
];

/// Macros that do not belong into what is handed in.
const MACROS: [&str; 3] = ["todo", "unimplemented", "dbg"];

/// A parsed source file.
pub(crate) struct SourceFile {
    /// Its place below the root.
    pub(crate) path: PathBuf,
    /// Its lines.
    pub(crate) lines: Vec<String>,
    /// Its syntax.
    pub(crate) syntax: syn::File,
    /// Its tokens, those inside of macros among them.
    tokens: TokenStream,
    /// Lines that belong to `#[cfg(test)]` items, from 1, both ends inclusive.
    test_spans: Vec<(usize, usize)>,
}

impl SourceFile {
    /// Reads a file.
    pub(crate) fn parse(path: &Path, text: &str) -> syn::Result<Self> {
        let syntax = syn::parse_file(text)?;
        let tokens = text.parse()?;
        let mut tests = TestItems(Vec::new());
        tests.visit_file(&syntax);
        Ok(Self {
            path: path.to_owned(),
            lines: text.lines().map(str::to_owned).collect(),
            syntax,
            tokens,
            test_spans: tests.0,
        })
    }

    /// Whether the whole file is test code.
    pub(crate) fn is_test(&self) -> bool {
        let in_tests = self
            .path
            .components()
            .any(|part| part.as_os_str() == "tests");
        in_tests || self.path.file_name() == Some("tests.rs".as_ref())
    }

    /// Whether a line is test code.
    pub(crate) fn is_test_line(&self, line: usize) -> bool {
        let inside = |&(start, end): &(usize, usize)| (start..=end).contains(&line);
        self.is_test() || self.test_spans.iter().any(inside)
    }

    /// A problem at a line.
    pub(crate) fn problem(&self, line: usize, what: impl std::fmt::Display) -> String {
        format!("{}:{line}: {what}", self.path.display())
    }
}

/// Everything about the file itself.
pub(crate) fn check(file: &SourceFile) -> Vec<String> {
    let mut problems = Vec::new();
    let documented = file.syntax.attrs.iter().any(|attribute| {
        matches!(attribute.style, syn::AttrStyle::Inner(_)) && attribute.path().is_ident("doc")
    });
    // The module above a `tests.rs` says what is tested there.
    if !documented && file.path.file_name() != Some("tests.rs".as_ref()) {
        problems.push(file.problem(1, "a module opens with //!"));
    }
    let production = (1..=file.lines.len())
        .filter(|line| !file.is_test_line(*line))
        .count();
    if production > FILE_LIMIT {
        let what = format!("{production} lines of production code, at most {FILE_LIMIT}");
        problems.push(file.problem(1, what));
    }
    for (index, line) in file.lines.iter().enumerate() {
        problems.extend(marker(line).map(|found| file.problem(index + 1, found)));
    }
    let mut walk = Walk {
        file,
        problems: &mut problems,
    };
    walk.visit_file(&file.syntax);
    check_tokens(file, file.tokens.clone(), &mut problems);
    problems
}

/// A marker in a line: a whole word in capitals.
fn marker(line: &str) -> Option<String> {
    let words = line.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_');
    let found = words.into_iter().find(|word| MARKERS.contains(word))?;
    Some(format!("{found} is left"))
}

/// What may stand anywhere, inside of macros as well.
fn check_tokens(file: &SourceFile, tokens: TokenStream, problems: &mut Vec<String>) {
    // The last four tokens as text: enough for `thread::sleep`.
    let mut recent: [String; 4] = Default::default();
    for token in tokens {
        let line = token.span().start().line;
        recent.rotate_left(1);
        recent[3] = match &token {
            TokenTree::Group(_) | TokenTree::Literal(_) => String::new(),
            TokenTree::Ident(ident) => ident.to_string(),
            TokenTree::Punct(punct) => punct.to_string(),
        };
        let [first, second, third, last] = &recent;
        if last.contains(concat!("unbo", "unded")) {
            problems.push(file.problem(line, "every queue has a bound"));
        }
        if last == "!" && MACROS.contains(&third.as_str()) {
            problems.push(file.problem(line, format!("{third}! is left")));
        }
        let sleeps = [first, second, third, last] == ["thread", ":", ":", "sleep"];
        if sleeps && file.is_test_line(line) {
            problems.push(file.problem(line, "tests never sleep: wait for what should happen"));
        }
        if let TokenTree::Group(group) = token {
            check_tokens(file, group.stream(), problems);
        }
    }
}

/// Looks at functions and attributes.
struct Walk<'a> {
    file: &'a SourceFile,
    problems: &'a mut Vec<String>,
}

impl Walk<'_> {
    fn check_function(&mut self, signature: &syn::Signature, block: &syn::Block) {
        let (start, end) = lines_of(block.span());
        let code = self.file.lines[start..end.saturating_sub(1).max(start)]
            .iter()
            .map(|line| line.trim())
            .filter(|line| !line.is_empty() && !line.starts_with("//"))
            .count();
        if code > FUNCTION_LIMIT {
            let name = &signature.ident;
            let what = format!("{name} has {code} lines, at most {FUNCTION_LIMIT}");
            self.problems.push(self.file.problem(start, what));
        }
    }
}

impl<'ast> Visit<'ast> for Walk<'_> {
    fn visit_item_fn(&mut self, function: &'ast syn::ItemFn) {
        self.check_function(&function.sig, &function.block);
        visit::visit_item_fn(self, function);
    }

    fn visit_impl_item_fn(&mut self, function: &'ast syn::ImplItemFn) {
        self.check_function(&function.sig, &function.block);
        visit::visit_impl_item_fn(self, function);
    }

    fn visit_trait_item_fn(&mut self, function: &'ast syn::TraitItemFn) {
        if let Some(block) = &function.default {
            self.check_function(&function.sig, block);
        }
        visit::visit_trait_item_fn(self, function);
    }

    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        if is_nested(&item.tree, false) {
            let line = item.span().start().line;
            let what = "an import has a line for each module";
            self.problems.push(self.file.problem(line, what));
        }
    }

    fn visit_attribute(&mut self, attribute: &'ast syn::Attribute) {
        if attribute.path().is_ident("allow") {
            let line = attribute.span().start().line;
            let what = "silence a lint with #[expect(.., reason = \"..\")]";
            self.problems.push(self.file.problem(line, what));
        }
    }
}

/// Whether an import names things of several modules in one pair of braces.
fn is_nested(tree: &syn::UseTree, in_braces: bool) -> bool {
    match tree {
        syn::UseTree::Path(path) => in_braces || is_nested(&path.tree, false),
        syn::UseTree::Group(group) => group.items.iter().any(|item| is_nested(item, true)),
        syn::UseTree::Name(_) | syn::UseTree::Rename(_) | syn::UseTree::Glob(_) => false,
    }
}

/// Collects the lines of `#[cfg(test)]` items.
struct TestItems(Vec<(usize, usize)>);

impl<'ast> Visit<'ast> for TestItems {
    fn visit_item(&mut self, item: &'ast syn::Item) {
        if attributes(item).iter().any(is_cfg_test) {
            self.0.push(lines_of(item.span()));
        } else {
            visit::visit_item(self, item);
        }
    }
}

pub(crate) fn is_cfg_test(attribute: &syn::Attribute) -> bool {
    attribute.path().is_ident("cfg")
        && attribute
            .parse_args::<syn::Path>()
            .is_ok_and(|path| path.is_ident("test"))
}

#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "syn's items are non-exhaustive, and the others hold no tests"
)]
pub(crate) fn attributes(item: &syn::Item) -> &[syn::Attribute] {
    match item {
        syn::Item::Mod(item) => &item.attrs,
        syn::Item::Fn(item) => &item.attrs,
        syn::Item::Impl(item) => &item.attrs,
        syn::Item::Use(item) => &item.attrs,
        syn::Item::Struct(item) => &item.attrs,
        syn::Item::Enum(item) => &item.attrs,
        syn::Item::Const(item) => &item.attrs,
        syn::Item::Static(item) => &item.attrs,
        syn::Item::Type(item) => &item.attrs,
        syn::Item::Trait(item) => &item.attrs,
        syn::Item::Macro(item) => &item.attrs,
        _ => &[],
    }
}

/// First and last line of a span, from 1.
fn lines_of(span: Span) -> (usize, usize) {
    (span.start().line, span.end().line)
}
