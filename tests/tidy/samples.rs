//! The check itself is checked: samples that must fail, and their neighbours that must not.

use std::path::PathBuf;

use super::check;
use super::source::SourceFile;

#[track_caller]
fn refused(path: &str, text: &str, part: &str) {
    let problems = check(&[(PathBuf::from(path), text.to_owned())]);
    assert!(
        problems.iter().any(|problem| problem.contains(part)),
        "{path}: expected {part:?} in {problems:?} for\n{text}"
    );
}

#[track_caller]
fn accepted(path: &str, text: &str) {
    let problems = check(&[(PathBuf::from(path), text.to_owned())]);
    assert!(problems.is_empty(), "{problems:?}");
}

fn module(body: &str) -> String {
    format!("//! A module.\n\n{body}\n")
}

#[test]
fn forbidden_imports_are_found_however_they_are_written() {
    for body in [
        "use crate::net::Socket;",
        "use crate::{net::Socket, text};",
        "use super::super::net;",
        "use super::super::engine::run::Run as R;",
        "fn f() { crate::disk::write(); }",
        "fn f(x: super::super::transfer::X) {}",
        "mod inner { use super::super::super::link::Link; }",
        "use crate::*;",
    ] {
        refused(
            "app/src/cli/send.rs",
            &module(body),
            "cli may not use crate::",
        );
    }
    refused(
        "app/src/cli/mod.rs",
        &module("use super::gui::Window;"),
        "cli may not use",
    );
    refused(
        "app/src/net/mod.rs",
        &module("use crate::link::Link;"),
        "net may not use",
    );
    refused(
        "app/src/link/quic.rs",
        &module("use crate::net::socket::X;"),
        "link may not use",
    );
    refused(
        "app/src/disk/mod.rs",
        &module("use crate::files::X;"),
        "disk may not use",
    );
    refused(
        "app/src/transfer/sending/mod.rs",
        &module("use crate::engine::X;"),
        "transfer may not",
    );
}

#[test]
fn rooms_of_net_use_those_before_them_and_none_after() {
    for (path, body) in [
        (
            "socket/reflexive.rs",
            "use crate::net::mapping::PortMapper;",
        ),
        ("socket/reflexive.rs", "use super::super::path::Path;"),
        ("mapping/gateway.rs", "use crate::net::path::Path;"),
        ("path/driver.rs", "use crate::net::introduction::servers;"),
        (
            "path/driver.rs",
            "fn f() { crate::net::introduction::ping(); }",
        ),
        ("introduction/mod.rs", "use super::doctor::diagnose;"),
        // What the module hands out itself lies above all of its rooms.
        ("path/driver.rs", "use crate::net::PeerSocket;"),
        ("socket/mod.rs", "pub use super::Path;"),
        ("path/driver.rs", "use crate::net::*;"),
    ] {
        let path = format!("app/src/net/{path}");
        refused(&path, &module(body), "may not use crate::net::");
    }
    refused("app/src/net/corridor.rs", &module(""), "has no row");
    for (path, body) in [
        ("path/driver.rs", "use crate::net::socket::PeerSocket;"),
        ("path/driver.rs", "use super::search::Search;"),
        ("path/driver.rs", "pub(in crate::net) fn f() {}"),
        ("doctor/mod.rs", "use crate::net::introduction::ping;"),
        ("mod.rs", "pub use doctor::diagnose;\nuse self::path::Path;"),
        ("tests.rs", "use super::path::Path;"),
        ("path/tests.rs", "use crate::net::introduction::ping;"),
    ] {
        accepted(&format!("app/src/net/{path}"), &module(body));
    }
}

#[test]
fn forbidden_crates_are_found() {
    refused(
        "app/src/cli/mod.rs",
        &module("use tokio::sync::mpsc;"),
        "cli may not use tokio",
    );
    refused(
        "app/src/net/mod.rs",
        &module("fn f() -> anyhow::Result<()> {}"),
        "anyhow",
    );
    refused(
        "shared/src/code.rs",
        &module("use tokio::time::sleep;"),
        "the pure protocol",
    );
}

#[test]
fn module_without_a_row_is_found() {
    refused("app/src/extra.rs", &module(""), "has no row");
}

#[test]
fn allowed_imports_pass() {
    accepted(
        "app/src/cli/send.rs",
        &module(
            "use super::Report;\nuse crate::engine::command::Command;\nuse crate::{failure, text};",
        ),
    );
    accepted("app/src/link/quic.rs", &module("use crate::net::Path;"));
    accepted("app/src/main.rs", &module("use fardrop::net::X;"));
    accepted("app/src/net/tests.rs", &module("use crate::link::Link;"));
    accepted(
        "app/src/net/mod.rs",
        &module("#[cfg(test)]\nmod tests {\n    use crate::link::Link;\n}"),
    );
}

/// What is said of the circles in a package of these files below `app/src`.
fn circles(files: &[(&str, &str)]) -> Vec<String> {
    let sources: Vec<SourceFile> = files
        .iter()
        .map(|(path, body)| {
            let path = PathBuf::from("app/src").join(path);
            SourceFile::parse(&path, &module(body)).expect("a sample that parses")
        })
        .collect();
    super::circles::check(&sources)
}

#[track_caller]
fn circle(files: &[(&str, &str)], part: &str) {
    let problems = circles(files);
    assert!(
        problems.iter().any(|problem| problem.contains(part)),
        "expected {part:?} in {problems:?}"
    );
}

#[track_caller]
fn no_circle(files: &[(&str, &str)]) {
    let problems = circles(files);
    assert!(problems.is_empty(), "{problems:?}");
}

#[test]
fn two_files_that_import_each_other_are_found_however_it_is_written() {
    let knot = "pub struct Knot;\npub fn tie() {}\npub enum Kind { Bow }";
    for back in [
        "use super::knot::Knot;",
        "use crate::net::{knot::Knot as K};",
        "pub use super::knot::Knot;",
        "use super::knot::*;",
        "use super::knot::Kind::Bow;",
        "use super::knot;\nfn f() { knot::tie(); }",
        "fn f() { use super::knot::Knot; }",
        "fn f() { super::knot::tie(); }",
        "fn f(kind: crate::net::knot::Kind) {}",
        "fn f() { let super::knot::Kind::Bow = k; }",
        "fn f() { println!(\"{}\", crate::net::knot::tie()); }",
        "#[derive(Error)]\n#[error(\"{}\", super::knot::tie())]\nstruct E;",
        "impl super::knot::Tied for Rope {}",
        "mod inner { use super::super::knot::Knot; }",
        "use super::Knot;",
        "use super::*;\nfn f(knot: Knot) {}",
    ] {
        let files = [
            ("lib.rs", "pub mod net;"),
            (
                "net/mod.rs",
                "mod knot;\nmod rope;\npub use knot::*;\npub use knot::Knot;",
            ),
            ("net/knot.rs", &format!("use super::rope::Rope;\n{knot}")),
            ("net/rope.rs", &format!("pub struct Rope;\n{back}")),
        ];
        circle(&files, "app/src/net: knot, rope import each other");
    }
}

#[test]
fn circles_around_a_corner_are_found() {
    let three = [
        ("lib.rs", "mod a;\nmod b;\nmod c;"),
        ("a.rs", "use crate::b::B;\npub struct A;"),
        ("b.rs", "use crate::c::C;\npub struct B;"),
        ("c.rs", "use crate::a::A;\npub struct C;"),
    ];
    circle(&three, "a, b, c import each other");
    // A name that is handed on leads back to the file that defines it.
    let handed_on = [
        ("lib.rs", "mod a;\nmod b;\nmod front;"),
        ("front.rs", "pub use crate::a::A;"),
        ("a.rs", "use crate::b::B;\npub struct A;"),
        ("b.rs", "use crate::front::A;\npub struct B;"),
    ];
    circle(&handed_on, "a, b import each other");
    // Handing on is an import as well.
    let facade = [
        ("lib.rs", "mod a;\nmod front;"),
        ("front.rs", "pub use crate::a::A;\npub struct Front;"),
        ("a.rs", "use crate::front::Front;\npub struct A;"),
    ];
    circle(&facade, "a, front import each other");
}

#[test]
fn folders_that_import_each_other_are_found() {
    let folders = [
        ("lib.rs", "mod gui;\nmod desktop;"),
        ("gui/mod.rs", "mod request;\nuse crate::desktop::Desk;"),
        ("gui/request.rs", "pub struct Request;"),
        ("desktop/mod.rs", "mod bus;\npub struct Desk;"),
        ("desktop/bus.rs", "use crate::gui::request::Request;"),
    ];
    circle(&folders, "desktop, gui import each other");
}

#[test]
fn what_a_macro_makes_is_looked_for_in_its_module() {
    let made = [
        ("lib.rs", "mod a;\nmod b;"),
        ("a.rs", "use crate::b::B;\nmake!(A);"),
        ("b.rs", "use crate::a::A;\npub struct B;"),
    ];
    circle(&made, "a, b import each other");
}

#[test]
fn imports_that_only_look_like_circles_pass() {
    // A child of its parent, and a parent of its child.
    no_circle(&[
        ("lib.rs", "mod link;"),
        (
            "link/mod.rs",
            "mod quic;\nuse quic::Quic;\npub struct Link;",
        ),
        (
            "link/quic/mod.rs",
            "mod tls;\nuse super::Link;\nuse tls::Tls;",
        ),
        (
            "link/quic/tls.rs",
            "use crate::link::Link;\npub struct Tls;",
        ),
    ]);
    // A sibling's name that the parent hands on: no import of the parent's file, which uses both.
    no_circle(&[
        ("lib.rs", "pub mod net;\npub mod link;"),
        ("net/mod.rs", "mod a;\nmod b;\npub use a::A;\nuse b::B;"),
        ("net/a.rs", "pub struct A;"),
        ("net/b.rs", "use super::A;\npub struct B;"),
        ("link.rs", "use crate::net::A;"),
    ]);
    // A module and a function of one name, and a module that is only named.
    no_circle(&[
        (
            "lib.rs",
            "mod respond;\nmod serve;\npub use respond::respond;",
        ),
        ("respond.rs", "pub fn respond() {}"),
        ("serve.rs", "use crate::respond;\nfn f() { respond(); }"),
    ]);
    // Others' crates, local names, and names of fields.
    no_circle(&[
        ("lib.rs", "mod a;\nmod b;"),
        ("a.rs", "use crate::b::B;\npub struct A;"),
        (
            "b.rs",
            "use other::a::A;\npub struct B;\nfn f() { let a = 1; g!(x.a::<u8>(), a); }",
        ),
    ]);
    // Tests see everything.
    no_circle(&[
        ("lib.rs", "mod a;\nmod b;"),
        ("a.rs", "use crate::b::B;\npub struct A;"),
        (
            "b.rs",
            "pub struct B;\n#[cfg(test)]\nmod tests { use crate::a::A; }",
        ),
        ("b/tests.rs", "use crate::a::A;"),
    ]);
    // A name that leads to itself ends.
    no_circle(&[
        ("lib.rs", "mod a;\nmod b;"),
        ("a.rs", "pub use crate::b::X;"),
        ("b.rs", "pub use other::X as Y;\nuse self::X as X;"),
    ]);
}

#[test]
fn long_files_are_found() {
    let lines = "const A: u8 = 1;\n".repeat(501);
    refused(
        "shared/src/code.rs",
        &module(&lines),
        "lines of production code",
    );
    let tail = format!("#[cfg(test)]\nmod tests {{\n{lines}}}");
    accepted("shared/src/code.rs", &module(&tail));
    accepted("shared/src/code/tests.rs", &module(&lines));
}

#[test]
fn long_functions_are_found() {
    let body = |lines| format!("fn long() {{\n{}}}", "    call();\n".repeat(lines));
    refused("shared/src/a.rs", &module(&body(71)), "long has 71 lines");
    accepted("shared/src/a.rs", &module(&body(70)));
    let method = format!("impl A {{\n{}\n}}", body(71));
    refused("shared/src/a.rs", &module(&method), "long has 71 lines");
    refused("tests/sim/main.rs", &module(&body(71)), "long has 71 lines");
    let airy = body(70).replace("    call();\n", "    // Why.\n\n    call();\n");
    accepted("shared/src/a.rs", &module(&airy));
}

#[test]
fn stray_markers_are_found() {
    for marker in [
        concat!("// TO", "DO: later"),
        concat!("// FIX", "ME"),
        concat!("// XX", "X"),
        concat!("// HA", "CK around it"),
    ] {
        refused("shared/src/a.rs", &module(marker), "is left");
    }
    for body in [
        "fn f() { todo!() }",
        "fn f() { unimplemented!() }",
        "fn f() { dbg!(1); }",
    ] {
        refused("shared/src/a.rs", &module(body), "! is left");
    }
    accepted(
        "shared/src/a.rs",
        &module("// A hack is a word, and TODOS too."),
    );
}

#[test]
fn missing_module_doc_is_found() {
    refused("shared/src/a.rs", "use std::fmt;\n", "opens with //!");
    accepted("shared/src/a/tests.rs", "use std::fmt;\n");
}

#[test]
fn imports_of_several_modules_in_one_pair_of_braces_are_found() {
    for body in [
        "use std::{fs, io::Read};",
        "use std::io::{self, prelude::*};",
        "mod inner {\n    use std::{fs, io::Read};\n}",
        "fn f() {\n    use std::{fs, io::Read};\n}",
    ] {
        refused("shared/src/a.rs", &module(body), "a line for each module");
    }
    accepted(
        "shared/src/a.rs",
        &module("use std::io::{self, Read as _};\nuse std::{fs, io};"),
    );
}

#[test]
fn module_beside_the_folder_of_its_parts_is_found() {
    let sources = |paths: [&str; 2]| paths.map(|path| (PathBuf::from(path), module("fn f() {}")));
    let problems = check(&sources(["shared/src/a.rs", "shared/src/a/part.rs"]));
    assert!(
        problems.iter().any(|problem| problem.contains("mod.rs")),
        "{problems:?}"
    );
    for parts in ["shared/src/a/part.rs", "shared/src/ab/part.rs"] {
        let problems = check(&sources(["shared/src/a/mod.rs", parts]));
        assert!(problems.is_empty(), "{problems:?}");
    }
}

#[test]
fn silenced_lints_are_found() {
    refused(
        "shared/src/a.rs",
        &module("#[allow(dead_code)]\nfn f() {}"),
        "#[expect(",
    );
    accepted(
        "shared/src/a.rs",
        &module("#[expect(dead_code, reason = \"a sample\")]\nfn f() {}"),
    );
}

#[test]
fn queues_without_a_bound_are_found_inside_macros_too() {
    let body = concat!("fn f() { run!({ let c = unbo", "unded_channel(); }) }");
    refused(
        "app/src/net/mod.rs",
        &module(body),
        "every queue has a bound",
    );
}

#[test]
fn sleeping_tests_are_found() {
    let sleep = "fn f() { std::thread::sleep(A); }";
    refused("tests/e2e/main.rs", &module(sleep), "tests never sleep");
    refused("shared/src/a/tests.rs", &module(sleep), "tests never sleep");
    accepted("app/src/net/mod.rs", &module(sleep));
}
