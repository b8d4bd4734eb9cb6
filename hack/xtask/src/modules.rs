//! The modules of a crate import each other in one direction: none of them needs itself through its siblings. A module
//! and its parent may import each other, as is usual in Rust. Reads sources only.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use syn::visit::Visit;

/// A module by its path inside the crate; empty for the root.
type Module = Vec<String>;

/// What one module imports and declares.
#[derive(Default)]
struct Imports {
    /// Paths in use, relative to the module, or from `crate`.
    paths: Vec<Vec<String>>,
    /// Names that the module imports, with the path behind each: others may reach it through them.
    names: BTreeMap<String, Vec<String>>,
}

impl Imports {
    fn read(source: &str) -> Self {
        let mut imports = Self::default();
        imports.visit_file(&syn::parse_file(source).unwrap());
        imports
    }

    fn import(&mut self, mut path: Vec<String>, tree: &syn::UseTree) {
        let name = match tree {
            syn::UseTree::Path(part) => {
                path.push(part.ident.to_string());
                return self.import(path, &part.tree);
            }
            syn::UseTree::Group(group) => {
                return group
                    .items
                    .iter()
                    .for_each(|tree| self.import(path.clone(), tree));
            }
            syn::UseTree::Name(it) if it.ident == "self" => {
                path.last().cloned().unwrap_or_default()
            }
            syn::UseTree::Name(it) => {
                path.push(it.ident.to_string());
                it.ident.to_string()
            }
            syn::UseTree::Rename(it) => {
                path.push(it.ident.to_string());
                it.rename.to_string()
            }
            syn::UseTree::Glob(_) => return self.paths.push(path),
        };
        self.names.insert(name, path.clone());
        self.paths.push(path);
    }
}

fn is_test(attributes: &[syn::Attribute]) -> bool {
    attributes.iter().any(|attribute| match &attribute.meta {
        syn::Meta::List(list) => list.path.is_ident("cfg") && list.tokens.to_string() == "test",
        _ => false,
    })
}

impl<'ast> Visit<'ast> for Imports {
    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        if !is_test(&item.attrs) {
            self.import(Vec::new(), &item.tree);
        }
    }

    fn visit_item_mod(&mut self, item: &'ast syn::ItemMod) {
        if !is_test(&item.attrs) {
            syn::visit::visit_item_mod(self, item);
        }
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        self.paths
            .push(path.segments.iter().map(|s| s.ident.to_string()).collect());
        syn::visit::visit_path(self, path);
    }
}

/// The modules of a crate, without those of tests.
fn read(source: &Path) -> BTreeMap<Module, Imports> {
    let mut modules = BTreeMap::new();
    let mut folders = vec![source.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let file = entry.unwrap().path();
            if file.is_dir() {
                folders.push(file);
                continue;
            }
            if file.extension().is_none_or(|extension| extension != "rs") {
                continue;
            }
            let relative = file.strip_prefix(source).unwrap().with_extension("");
            let mut module: Module = relative
                .iter()
                .map(|part| part.to_string_lossy().into())
                .collect();
            if module.last().is_some_and(|last| last == "mod")
                || module == ["lib"]
                || module == ["main"]
            {
                module.pop();
            }
            if !module.iter().any(|part| part == "tests") {
                modules.insert(
                    module,
                    Imports::read(&std::fs::read_to_string(&file).unwrap()),
                );
            }
        }
    }
    modules
}

/// The module that a path leads to, seen from another; none if it leaves the crate.
fn target(
    modules: &BTreeMap<Module, Imports>,
    from: &Module,
    path: &[String],
    depth: usize,
) -> Option<Module> {
    let mut at = from.clone();
    for (index, part) in path.iter().enumerate() {
        match part.as_str() {
            "crate" => at.clear(),
            "self" => {}
            "super" => drop(at.pop()?),
            name => {
                let child: Module = [&at[..], &[name.to_owned()]].concat();
                if modules.contains_key(&child) {
                    at = child;
                    continue;
                }
                let imported = modules[&at].names.get(name).filter(|_| depth > 0);
                let rest = &path[index + 1..];
                return match imported {
                    Some(imported) => target(modules, &at, &[imported, rest].concat(), depth - 1),
                    None if index == 0 => None,
                    None => Some(at),
                };
            }
        }
    }
    Some(at)
}

/// Of every module, the siblings that it imports, itself or by a module inside.
fn siblings(modules: &BTreeMap<Module, Imports>) -> BTreeMap<Module, BTreeSet<Module>> {
    let mut edges: BTreeMap<Module, BTreeSet<Module>> = BTreeMap::new();
    for (from, imports) in modules {
        for path in &imports.paths {
            let Some(to) = target(modules, from, path, 8) else {
                continue;
            };
            let shared = from.iter().zip(&to).take_while(|(a, b)| a == b).count();
            if shared < from.len() && shared < to.len() {
                let sibling = to[..=shared].to_vec();
                edges
                    .entry(from[..=shared].to_vec())
                    .or_default()
                    .insert(sibling);
            }
        }
    }
    edges
}

/// The modules that need themselves, each with those that it needs.
fn circles(edges: &BTreeMap<Module, BTreeSet<Module>>) -> Vec<String> {
    let mut circles = Vec::new();
    for start in edges.keys() {
        let mut needed = BTreeSet::new();
        let mut open = vec![start];
        while let Some(module) = open.pop() {
            open.extend(
                edges
                    .get(module)
                    .into_iter()
                    .flatten()
                    .filter(|next| needed.insert(*next)),
            );
        }
        if needed.contains(start) {
            let imports: Vec<String> = edges[start]
                .iter()
                .map(|module| module.join("::"))
                .collect();
            circles.push(format!(
                "{} imports {}",
                start.join("::"),
                imports.join(", ")
            ));
        }
    }
    circles
}

fn crates() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../crates");
    let folders = std::fs::read_dir(root).unwrap();
    folders
        .map(|entry| entry.unwrap().path().join("src"))
        .collect()
}

#[test]
fn no_modules_import_each_other_in_a_circle() {
    let mut found = Vec::new();
    for source in crates() {
        let modules = read(&source);
        for circle in circles(&siblings(&modules)) {
            found.push(format!("{}: {circle}", source.display()));
        }
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn circles_are_found() {
    let sources = [
        ("", "pub use self::a::A; mod a; mod b;"),
        ("a", "use super::b::{self, B}; mod inner;"),
        ("a::inner", "fn f() -> crate::b::B {}"),
        ("b", "#[cfg(test)] mod tests { use crate::A; }"),
    ];
    let modules = |b: &'static str| -> BTreeMap<Module, Imports> {
        let path = |name: &str| {
            name.split("::")
                .filter(|n| !n.is_empty())
                .map(str::to_owned)
                .collect()
        };
        let sources = sources.iter().map(|(name, source)| (*name, *source));
        let sources = sources.chain(
            [("b", b)]
                .into_iter()
                .filter(|(_, source)| !source.is_empty()),
        );
        sources
            .map(|(name, source)| (path(name), Imports::read(source)))
            .collect()
    };
    assert!(circles(&siblings(&modules(""))).is_empty());
    for circle in [
        "use crate::a;",
        "use crate::A;",
        "fn f(_: super::a::inner::C) {}",
    ] {
        assert_eq!(
            circles(&siblings(&modules(circle))),
            ["a imports b", "b imports a"],
            "{circle}"
        );
    }
}
