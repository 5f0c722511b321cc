//! C programs: compiled against the header and the library that cargo has just built, and run.

use std::env;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{LazyLock, Mutex, PoisonError};

use super::server::{new_folder, spawn};

/// A compiled C program.
#[derive(Clone)]
pub struct Program(PathBuf);

impl Program {
    /// Compiles a source file of the repository, once per process.
    pub fn build(source: &str) -> Self {
        static BUILT: LazyLock<Mutex<Vec<String>>> = LazyLock::new(|| Mutex::new(Vec::new()));
        static FOLDER: LazyLock<PathBuf> = LazyLock::new(|| {
            let folder = new_folder();
            // Under the name that programs look for at run time.
            symlink(library(), folder.join("libpgwalstream.so.0")).unwrap();
            folder
        });
        let mut built = BUILT.lock().unwrap_or_else(PoisonError::into_inner);
        let name = Path::new(source).file_stem().unwrap().to_str().unwrap();
        let program = FOLDER.join(name);
        if !built.iter().any(|known| known == source) {
            let root = Path::new(env!("CARGO_MANIFEST_DIR"));
            let mut compiler = Command::new("cc");
            compiler.args(["-std=c99", "-O2", "-g", "-Wall", "-Wextra", "-Wpedantic", "-Werror"]);
            if cfg!(feature = "test-hooks") {
                compiler.arg("-DWAL_TEST_HOOKS");
            }
            compiler.arg("-I").arg(root.join("include")).arg(root.join(source)).arg("-o").arg(&program);
            compiler.arg(FOLDER.join("libpgwalstream.so.0")).arg("-lpthread");
            // Found before what cargo's LD_LIBRARY_PATH names, where an older build may lie.
            compiler.arg(format!("-Wl,--disable-new-dtags,-rpath,{}", FOLDER.display()));
            let output = compiler.output().expect("cc starts");
            let said = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success(), "{source} does not compile:\n{said}");
            built.push(source.to_owned());
        }
        Self(program)
    }

    /// A command that runs it.
    pub fn command(&self) -> Command {
        let mut command = Command::new(&self.0);
        command.stdin(Stdio::null());
        command
    }

    /// Starts it; it does not outlive the tests.
    pub fn start(&self, configure: impl FnOnce(&mut Command)) -> Child {
        let mut command = self.command();
        configure(&mut command);
        spawn(command).expect("the program starts")
    }
}

/// The shared library that cargo built together with this test.
fn library() -> PathBuf {
    let executable = env::current_exe().unwrap();
    let folders = executable.ancestors();
    let found = folders.map(|folder| folder.join("libpgwalstream.so")).find(|library| library.exists());
    found.expect("cargo builds libpgwalstream.so beside the tests")
}
