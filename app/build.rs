//! Puts the icon and the manifest into the programs for Windows, where they are built on Windows.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    #[cfg(windows)]
    embed();
}

#[cfg(windows)]
fn embed() {
    /// The package's icon, in all its sizes.
    const ICON: &str = "../deploy/package/icon/fardrop.ico";
    /// What Windows is told of the programs.
    const MANIFEST: &str = "windows/fardrop.manifest";

    for file in [ICON, MANIFEST] {
        println!("cargo::rerun-if-changed={file}");
    }
    if let Err(error) = winresource::WindowsResource::new()
        .set_icon(ICON)
        .set_manifest_file(MANIFEST)
        .set("ProductName", "Fardrop")
        .set("FileDescription", "Fardrop")
        .set("LegalCopyright", "The Fardrop authors")
        .compile()
    {
        println!("cargo::error=the programs get no icon and no manifest: {error}");
    }
}
