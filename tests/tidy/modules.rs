//! A package's modules, the names in each, and the file in which the thing behind a path is defined.

use std::collections::{BTreeMap, BTreeSet};

use proc_macro2::{TokenStream, TokenTree};
use syn::spanned::Spanned;
use syn::visit::{self, Visit};

use super::source::{SourceFile, attributes, is_cfg_test};

/// Where a file or a module stands in its list.
pub(super) type Index = usize;

/// What a path leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Target {
    /// A thing that is defined in this file.
    File(Index),
    /// A module.
    Module(Index),
}

/// A path that is named somewhere.
#[derive(Debug)]
pub(super) struct Reference {
    /// The module in which it is named.
    pub(super) module: Index,
    /// The line, from 1.
    pub(super) line: usize,
    /// Its segments.
    pub(super) segments: Vec<String>,
    /// Whether everything in it is brought in (`::*`).
    pub(super) glob: bool,
}

/// One thing that a name stands for in a module.
#[derive(Debug)]
enum Meaning {
    /// Something defined right here.
    Defined,
    /// A module below this one.
    Module(Index),
    /// What this path leads to, seen from this module.
    Import(Vec<String>),
}

/// A module: a file's, or one written inside a file.
#[derive(Debug)]
struct Module {
    /// The names from the package's root down.
    path: Vec<String>,
    /// The file that holds it.
    file: Index,
    /// What each name in it stands for; a type, a value and a module may share one.
    names: BTreeMap<String, Vec<Meaning>>,
    /// Paths of the modules of which everything is brought in.
    globs: Vec<Vec<String>>,
}

/// All modules of a package, tests aside.
#[derive(Debug, Default)]
pub(super) struct Modules {
    modules: Vec<Module>,
    by_path: BTreeMap<Vec<String>, Index>,
    /// Every path named in them.
    pub(super) references: Vec<Reference>,
}

impl Modules {
    /// Those of the files of one package: each with the path of its module below the package's root.
    pub(super) fn new(files: &[(Vec<String>, &SourceFile)]) -> Self {
        let mut modules = Self::default();
        for (index, (path, _)) in files.iter().enumerate() {
            modules.add(path, index);
        }
        for (path, file) in files {
            let module = modules.by_path[path];
            let mut reader = Reader {
                modules: &mut modules,
                module,
            };
            reader.visit_file(&file.syntax);
        }
        modules
    }

    /// The file that holds a module.
    pub(super) fn file_of(&self, module: Index) -> Index {
        self.modules[module].file
    }

    /// What a path leads to that is named in `module`; nothing if it leads out of the package.
    pub(super) fn resolve(&self, module: Index, segments: &[String]) -> BTreeSet<Target> {
        self.follow(module, segments, &mut BTreeSet::new())
    }

    fn add(&mut self, path: &[String], file: Index) -> Index {
        let index = self.modules.len();
        self.modules.push(Module {
            path: path.to_vec(),
            file,
            names: BTreeMap::new(),
            globs: Vec::new(),
        });
        self.by_path.insert(path.to_vec(), index);
        index
    }

    /// `asked` holds the names that are being looked up, so that names which lead to themselves end.
    fn follow(
        &self,
        module: Index,
        segments: &[String],
        asked: &mut BTreeSet<(Index, String)>,
    ) -> BTreeSet<Target> {
        let mut path = Some(self.modules[module].path.as_slice());
        let mut named = 0;
        for segment in segments {
            path = match segment.as_str() {
                "crate" => Some(&[]),
                "self" => path,
                "super" => path.and_then(|path| Some(path.split_last()?.1)),
                _ => break,
            };
            named += 1;
        }
        let Some(&start) = path.and_then(|path| self.by_path.get(path)) else {
            return BTreeSet::new();
        };
        let mut reached = BTreeSet::from([Target::Module(start)]);
        for (place, segment) in segments.iter().enumerate().skip(named) {
            let mut next = BTreeSet::new();
            for target in reached {
                let Target::Module(inside) = target else {
                    // What follows is a variant or belongs to a type.
                    next.insert(target);
                    continue;
                };
                let found = self.look_up(inside, segment, asked);
                if found.is_empty() && place > 0 {
                    // A macro has made it, there.
                    next.insert(Target::File(self.modules[inside].file));
                }
                next.extend(found);
            }
            let more_follows = place + 1 < segments.len();
            let is_module = |target: &Target| matches!(target, Target::Module(_));
            if more_follows && next.iter().any(is_module) {
                next.retain(is_module);
            }
            reached = next;
        }
        reached
    }

    fn look_up(
        &self,
        module: Index,
        name: &str,
        asked: &mut BTreeSet<(Index, String)>,
    ) -> BTreeSet<Target> {
        let key = (module, name.to_owned());
        if !asked.insert(key.clone()) {
            return BTreeSet::new();
        }
        let here = &self.modules[module];
        let mut found = BTreeSet::new();
        for meaning in here.names.get(name).into_iter().flatten() {
            match meaning {
                Meaning::Defined => {
                    found.insert(Target::File(here.file));
                }
                Meaning::Module(below) => {
                    found.insert(Target::Module(*below));
                }
                Meaning::Import(path) => found.extend(self.follow(module, path, asked)),
            }
        }
        if found.is_empty() {
            for path in &here.globs {
                for target in self.follow(module, path, asked) {
                    if let Target::Module(inside) = target {
                        found.extend(self.look_up(inside, name, asked));
                    }
                }
            }
        }
        asked.remove(&key);
        found
    }
}

/// Takes down what one file names and what it defines.
struct Reader<'a> {
    modules: &'a mut Modules,
    module: Index,
}

impl Reader<'_> {
    fn define(&mut self, name: &syn::Ident, meaning: Meaning) {
        let names = &mut self.modules.modules[self.module].names;
        names.entry(name.to_string()).or_default().push(meaning);
    }

    fn refer(&mut self, line: usize, segments: &[String], glob: bool) {
        self.modules.references.push(Reference {
            module: self.module,
            line,
            segments: segments.to_vec(),
            glob,
        });
    }

    fn import(&mut self, line: usize, prefix: &[String], tree: &syn::UseTree) {
        let with = |name: &syn::Ident| [prefix, &[name.to_string()]].concat();
        match tree {
            syn::UseTree::Path(tree) => self.import(line, &with(&tree.ident), &tree.tree),
            syn::UseTree::Name(tree) if tree.ident == "self" => {
                let Some(last) = prefix.last() else { return };
                let name = syn::Ident::new(last, tree.ident.span());
                self.import_one(line, prefix, &name);
            }
            syn::UseTree::Name(tree) => self.import_one(line, &with(&tree.ident), &tree.ident),
            syn::UseTree::Rename(tree) => {
                let path = if tree.ident == "self" {
                    prefix.to_vec()
                } else {
                    with(&tree.ident)
                };
                self.import_one(line, &path, &tree.rename);
            }
            syn::UseTree::Glob(_) => {
                self.refer(line, prefix, true);
                let globs = &mut self.modules.modules[self.module].globs;
                globs.push(prefix.to_vec());
            }
            syn::UseTree::Group(group) => {
                for tree in &group.items {
                    self.import(line, prefix, tree);
                }
            }
        }
    }

    fn import_one(&mut self, line: usize, path: &[String], name: &syn::Ident) {
        self.refer(line, path, false);
        self.define(name, Meaning::Import(path.to_vec()));
    }

    /// Paths in a macro's arguments, which are tokens to the parser.
    fn read_tokens(&mut self, tokens: TokenStream) {
        let mut segments: Vec<String> = Vec::new();
        let mut line = 0;
        // Colons since the last name; a path that begins with them or with a dot is not followed.
        let mut colons = 0;
        let mut begins = true;
        for token in tokens {
            match token {
                TokenTree::Ident(name) => {
                    if colons != 2 {
                        self.end_path(line, &mut segments);
                        line = name.span().start().line;
                    }
                    if begins || !segments.is_empty() {
                        segments.push(name.to_string());
                    }
                    colons = 0;
                    begins = true;
                }
                TokenTree::Punct(mark) if mark.as_char() == ':' => colons += 1,
                TokenTree::Punct(mark) => {
                    self.end_path(line, &mut segments);
                    colons = 0;
                    begins = mark.as_char() != '.';
                }
                TokenTree::Literal(_) => {
                    self.end_path(line, &mut segments);
                    colons = 0;
                    begins = true;
                }
                TokenTree::Group(group) => {
                    // `path::{a, b}` in a macro is read as far as the brace.
                    self.end_path(line, &mut segments);
                    colons = 0;
                    begins = true;
                    self.read_tokens(group.stream());
                }
            }
        }
        self.end_path(line, &mut segments);
    }

    fn end_path(&mut self, line: usize, segments: &mut Vec<String>) {
        if segments.len() > 1 {
            self.refer(line, segments, false);
        }
        segments.clear();
    }
}

impl<'ast> Visit<'ast> for Reader<'_> {
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "syn's items are non-exhaustive, and the others have no name"
    )]
    fn visit_item(&mut self, item: &'ast syn::Item) {
        if attributes(item).iter().any(is_cfg_test) {
            return;
        }
        match item {
            syn::Item::Const(item) => self.define(&item.ident, Meaning::Defined),
            syn::Item::Enum(item) => self.define(&item.ident, Meaning::Defined),
            syn::Item::Fn(item) => self.define(&item.sig.ident, Meaning::Defined),
            syn::Item::Static(item) => self.define(&item.ident, Meaning::Defined),
            syn::Item::Struct(item) => self.define(&item.ident, Meaning::Defined),
            syn::Item::Trait(item) => self.define(&item.ident, Meaning::Defined),
            syn::Item::Type(item) => self.define(&item.ident, Meaning::Defined),
            syn::Item::Union(item) => self.define(&item.ident, Meaning::Defined),
            syn::Item::Macro(syn::ItemMacro {
                ident: Some(name), ..
            }) => self.define(name, Meaning::Defined),
            _ => {}
        }
        visit::visit_item(self, item);
    }

    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        self.import(item.span().start().line, &[], &item.tree);
    }

    fn visit_item_mod(&mut self, item: &'ast syn::ItemMod) {
        let above = self.module;
        let here = &self.modules.modules[above];
        let path = [here.path.as_slice(), &[item.ident.to_string()]].concat();
        let file = here.file;
        if let Some(&below) = self.modules.by_path.get(&path) {
            self.define(&item.ident, Meaning::Module(below));
        } else if item.content.is_some() {
            let below = self.modules.add(&path, file);
            self.define(&item.ident, Meaning::Module(below));
            self.module = below;
            visit::visit_item_mod(self, item);
            self.module = above;
        }
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let segments: Vec<String> = path
            .segments
            .iter()
            .map(|segment| segment.ident.to_string())
            .collect();
        if path.leading_colon.is_none() {
            self.refer(path.span().start().line, &segments, false);
        }
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, call: &'ast syn::Macro) {
        self.read_tokens(call.tokens.clone());
        visit::visit_macro(self, call);
    }

    fn visit_attribute(&mut self, attribute: &'ast syn::Attribute) {
        if let syn::Meta::List(list) = &attribute.meta {
            self.read_tokens(list.tokens.clone());
        }
    }
}
