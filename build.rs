//! Gives cargo's own shared library the SONAME of the packaged one, so that programs can be linked against either.
//! The packaged library (with symbol versions) is linked by CMakeLists.txt.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    if std::env::var("CARGO_CFG_TARGET_OS").is_ok_and(|os| os == "linux") {
        println!("cargo::rustc-cdylib-link-arg=-Wl,-soname,libpgwalstream.so.0");
        // Engine threads and thread-local data must not outlive their code: dlclose leaves the library mapped.
        println!("cargo::rustc-cdylib-link-arg=-Wl,-z,nodelete");
    }
}
