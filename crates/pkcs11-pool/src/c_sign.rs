//! Signs with one `C_SignInit` and one `C_Sign`.
//!
//! `cryptoki`'s `Session::sign` calls `C_Sign` twice, first for the signature's length. For a token behind a network
//! each call is a round trip, so a third of the time went into a number that the caller knows. This crate makes the two
//! calls that are needed and nothing else; loading, sessions and objects stay cryptoki's. It exists because calling a C
//! function is `unsafe`, which the package `reroot` forbids itself. The same goes for leaving a process in which such a
//! call hangs.

use std::path::Path;

use cryptoki::context::Function;
use cryptoki::error::{Error, Rv};
use cryptoki::mechanism::Mechanism;
use cryptoki::object::ObjectHandle;
use cryptoki::session::Session;
use cryptoki_sys::{
    CK_BYTE, CK_C_Sign, CK_C_SignInit, CK_FUNCTION_LIST_PTR, CK_INFO, CK_MECHANISM, CK_RV, CK_ULONG,
    CKR_BUFFER_TOO_SMALL, CKR_OK,
};

/// The two functions of one module.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SignFunctions {
    init: CK_C_SignInit,
    sign: CK_C_Sign,
}

impl SignFunctions {
    /// Finds the functions of the module at `path`, which must be the path that `cryptoki` has loaded and initialised.
    ///
    /// `None` if they cannot be had, or not for certain: some modules (those of p11-kit) hand out a new instance with
    /// each list of functions, and that one was not initialised.
    #[must_use]
    pub(crate) fn find(path: &Path) -> Option<Self> {
        // SAFETY: the module is loaded already and was run by cryptoki; this takes a second reference to it.
        let library = unsafe { libloading::Library::new(path) }.ok()?;
        let list = || -> Option<CK_FUNCTION_LIST_PTR> {
            let mut functions = std::ptr::null_mut();
            // SAFETY: the name and the type are those of PKCS #11 v2.40 §5.4; `functions` is a place for the pointer.
            let result = unsafe {
                let symbol = library.get::<unsafe extern "C" fn(*mut CK_FUNCTION_LIST_PTR) -> CK_RV>(NAME).ok()?;
                symbol(&raw mut functions)
            };
            (result == CKR_OK && !functions.is_null()).then_some(functions)
        };
        let functions = list()?;
        if functions != list()? {
            return None;
        }
        // SAFETY: the module has set the pointer to its list, which lives as long as the module.
        let (info, init, sign) = unsafe { ((*functions).C_GetInfo, (*functions).C_SignInit, (*functions).C_Sign) };
        let mut about = CK_INFO::default();
        // SAFETY: `about` is a CK_INFO.
        let initialised = unsafe { info?(&raw mut about) } == CKR_OK;
        // the functions are used for as long as the process lives
        std::mem::forget(library);
        (initialised && init.is_some() && sign.is_some()).then_some(Self { init, sign })
    }

    /// Signs `data` in a session of this module. The signature is expected to have no more than `longest` bytes; a
    /// longer one costs another call.
    ///
    /// # Errors
    /// What `C_SignInit` or `C_Sign` returned.
    ///
    /// # Panics
    /// `data` or `longest` does not fit a `CK_ULONG`.
    pub(crate) fn sign(
        &self,
        session: &Session,
        mechanism: &Mechanism<'_>,
        key: ObjectHandle,
        data: &[u8],
        longest: usize,
    ) -> Result<Vec<u8>, Error> {
        let (Some(init), Some(sign)) = (self.init, self.sign) else { return Err(Error::NullFunctionPointer) };
        let mut parameters: CK_MECHANISM = mechanism.into();
        // SAFETY: a Session is not Sync and is borrowed, so that no other call uses its handle; the mechanism's
        // parameters live as long as `mechanism`.
        let result = unsafe { init(session.handle(), &raw mut parameters, key.handle()) };
        Rv::from(result).into_result(Function::SignInit)?;
        let data_length = CK_ULONG::try_from(data.len()).expect("data in memory fits");
        let mut signature: Vec<CK_BYTE> = vec![0; longest];
        loop {
            let room = signature.len();
            let mut length = CK_ULONG::try_from(room).expect("a buffer in memory fits");
            // SAFETY: C_Sign does not write to its input, and at most `length` bytes to its output.
            let result = unsafe {
                sign(session.handle(), data.as_ptr().cast_mut(), data_length, signature.as_mut_ptr(), &raw mut length)
            };
            let length = usize::try_from(length).unwrap_or(usize::MAX);
            match result {
                // the operation goes on, and the length is the one that is wanted
                CKR_BUFFER_TOO_SMALL if room < length && length <= LONGEST => signature.resize(length, 0),
                _ => {
                    Rv::from(result).into_result(Function::Sign)?;
                    signature.truncate(length);
                    return Ok(signature);
                }
            }
        }
    }
}

/// Ends the process with this exit code, and runs no destructor of any library: one that waits for a call that hangs
/// would keep the process for ever. Nothing that Rust has buffered is written.
pub fn leave(code: u8) -> ! {
    unsafe extern "C" {
        fn _exit(code: i32) -> !;
    }
    // SAFETY: POSIX `_exit` takes any number and does not return.
    unsafe { _exit(i32::from(code)) }
}

const NAME: &[u8] = b"C_GetFunctionList\0";
/// No signature is longer.
const LONGEST: usize = 1 << 20;
