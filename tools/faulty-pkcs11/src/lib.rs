//! A PKCS#11 module that passes calls on to a real one and makes some of them go wrong, for tests.
//!
//! It reads the environment, once, when its first function is called:
//!
//! | variable | meaning |
//! |---|---|
//! | `FAULTY_PKCS11_MODULE` | the real module (required) |
//! | `FAULTY_PKCS11` | what goes wrong, see [`rules::Rules`] |
//! | `FAULTY_PKCS11_TOKEN` | only calls on the token with this label go wrong or are counted |
//! | `FAULTY_PKCS11_SESSIONS` | most sessions at a time, told in `CK_TOKEN_INFO` and enforced |
//! | `FAULTY_PKCS11_SESSIONS_UNTOLD` | if set, enforced only |
//! | `FAULTY_PKCS11_HIDE` | mechanisms the token does not offer: `0x1041,0x1057` |
//! | `FAULTY_PKCS11_TRACE` | a file to which the name of every watched call is appended, a line each |
#![allow(clippy::disallowed_methods, reason = "the rules of `durable` are the program's, not a test module's")]
#![allow(clippy::missing_safety_doc, non_snake_case, reason = "the names and contracts are those of PKCS #11")]

mod rules;

use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::sync::atomic::{AtomicPtr, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

#[allow(clippy::wildcard_imports, reason = "nearly every type of PKCS #11")]
use cryptoki_sys::*;
use rules::{Action, Counters, Rules};

struct Wrapper {
    real: CK_FUNCTION_LIST,
    rules: Rules,
    token: Option<String>,
    most_sessions: Option<u64>,
    tell_limit: bool,
    hidden: Vec<CK_MECHANISM_TYPE>,
    trace: Option<Mutex<File>>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    counters: Counters,
    sessions: HashMap<CK_SESSION_HANDLE, CK_SLOT_ID>,
}

/// Waits so long on average: what the system sleeps too long is taken off the next waits.
fn wait(delay: Duration) {
    static TOO_LONG: AtomicU64 = AtomicU64::new(0);
    if delay.is_zero() {
        return;
    }
    let before = Duration::from_nanos(TOO_LONG.load(Ordering::Relaxed));
    let started = Instant::now();
    std::thread::sleep(delay.saturating_sub(before));
    let seen = (started.elapsed() + before).saturating_sub(delay);
    // an eighth of what is seen now, and never so much that nothing is left to sleep
    let next = (before * 7 + seen) / 8;
    TOO_LONG.store(u64::try_from(next.min(delay / 2).as_nanos()).unwrap_or(0), Ordering::Relaxed);
}

/// What a call is about, for `FAULTY_PKCS11_TOKEN`.
enum About {
    Module,
    Slot(CK_SLOT_ID),
    Session(CK_SESSION_HANDLE),
}

static WRAPPER: OnceLock<Wrapper> = OnceLock::new();

impl Wrapper {
    fn from_environment() -> Self {
        let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        let path = variable("FAULTY_PKCS11_MODULE").expect("FAULTY_PKCS11_MODULE names the real module");
        // SAFETY: a PKCS#11 module is made to be loaded; it stays loaded, and its list is copied while it is.
        let real = unsafe {
            let library = Box::leak(Box::new(libloading::Library::new(path).expect("the real module loads")));
            let list: libloading::Symbol<unsafe extern "C" fn(*mut CK_FUNCTION_LIST_PTR) -> CK_RV> =
                library.get(b"C_GetFunctionList\0").expect("the real module has C_GetFunctionList");
            let mut pointer = std::ptr::null_mut();
            assert_eq!(list(&raw mut pointer), CKR_OK, "C_GetFunctionList of the real module");
            *pointer
        };
        let trace = variable("FAULTY_PKCS11_TRACE").map(|path| {
            let file = OpenOptions::new().append(true).create(true).open(path);
            Mutex::new(file.expect("the trace can be written"))
        });
        let hidden = variable("FAULTY_PKCS11_HIDE").unwrap_or_default();
        let code = |text: &str| {
            CK_MECHANISM_TYPE::from_str_radix(text.trim_start_matches("0x"), 16).expect("FAULTY_PKCS11_HIDE")
        };
        Self {
            real,
            rules: Rules::parse(&variable("FAULTY_PKCS11").unwrap_or_default()),
            token: variable("FAULTY_PKCS11_TOKEN"),
            most_sessions: variable("FAULTY_PKCS11_SESSIONS").map(|text| text.parse().expect("FAULTY_PKCS11_SESSIONS")),
            tell_limit: variable("FAULTY_PKCS11_SESSIONS_UNTOLD").is_none(),
            hidden: hidden.split(',').filter(|text| !text.is_empty()).map(code).collect(),
            trace,
            state: Mutex::default(),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the call is about the token that goes wrong.
    fn concerns(&self, about: &About) -> bool {
        let Some(wanted) = &self.token else { return true };
        let slot = match about {
            About::Module => return false,
            About::Slot(slot) => *slot,
            About::Session(session) => match self.state().sessions.get(session) {
                Some(slot) => *slot,
                None => return false,
            },
        };
        let mut info = CK_TOKEN_INFO::default();
        let real = self.real.C_GetTokenInfo.expect("the real module has C_GetTokenInfo");
        // SAFETY: `info` is a CK_TOKEN_INFO.
        let found = unsafe { real(slot, &raw mut info) } == CKR_OK;
        found && String::from_utf8_lossy(&info.label).trim_end_matches(' ') == wanted
    }

    /// Goes wrong, or calls `real`.
    fn watch(&self, function: &'static str, about: &About, real: impl FnOnce() -> CK_RV) -> CK_RV {
        self.watch_signature(function, about, real, || {})
    }

    fn watch_signature(
        &self,
        function: &'static str,
        about: &About,
        real: impl FnOnce() -> CK_RV,
        spoil: impl FnOnce(),
    ) -> CK_RV {
        let concerned = self.concerns(about);
        if let (true, Some(trace)) = (concerned, &self.trace) {
            let mut trace = trace.lock().unwrap_or_else(PoisonError::into_inner);
            // one write, so that lines of several processes stay whole
            trace.write_all(format!("{function}\n").as_bytes()).expect("the trace can be written");
        }
        let (delay, action) = self.rules.next(&mut self.state().counters, function, concerned);
        wait(delay);
        match action {
            Action::Pass | Action::Delay(_) => real(),
            Action::Fail(code) => code,
            Action::Lost(code) => {
                real();
                code
            }
            Action::Wrong => {
                let result = real();
                spoil();
                result
            }
            Action::Hang => loop {
                std::thread::park();
            },
            // SAFETY: ends the process at once, as a power failure would.
            Action::Die => unsafe { _exit(137) },
        }
    }
}

unsafe extern "C" {
    fn _exit(code: i32) -> !;
}

/// The wrapper, made before any other function can be called.
fn wrapper() -> &'static Wrapper {
    WRAPPER.get_or_init(Wrapper::from_environment)
}

/// Hands out the functions: the real module's, those below in the place of some.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn C_GetFunctionList(list: *mut CK_FUNCTION_LIST_PTR) -> CK_RV {
    let functions = FUNCTIONS.get_or_init(|| AtomicPtr::new(Box::leak(Box::new(functions()))));
    // SAFETY: the caller gives a place for the pointer; the list is never freed.
    unsafe { *list = functions.load(Ordering::Relaxed) };
    CKR_OK
}

static FUNCTIONS: OnceLock<AtomicPtr<CK_FUNCTION_LIST>> = OnceLock::new();

fn functions() -> CK_FUNCTION_LIST {
    let mut functions = wrapper().real;
    functions.C_GetFunctionList = Some(C_GetFunctionList);
    functions.C_Initialize = Some(initialize);
    functions.C_Finalize = Some(finalize);
    functions.C_GetSlotList = Some(get_slot_list);
    functions.C_GetTokenInfo = Some(get_token_info);
    functions.C_GetMechanismList = Some(get_mechanism_list);
    functions.C_OpenSession = Some(open_session);
    functions.C_CloseSession = Some(close_session);
    functions.C_GetSessionInfo = Some(get_session_info);
    functions.C_Login = Some(login);
    functions.C_FindObjectsInit = Some(find_objects_init);
    functions.C_FindObjects = Some(find_objects);
    functions.C_FindObjectsFinal = Some(find_objects_final);
    functions.C_GetAttributeValue = Some(get_attribute_value);
    functions.C_GenerateKeyPair = Some(generate_key_pair);
    functions.C_SignInit = Some(sign_init);
    functions.C_Sign = Some(sign);
    functions
}

/// Functions that are watched and otherwise passed on as they are.
macro_rules! pass {
    ($($name:ident = $function:ident($($argument:ident: $type:ty),*), $about:expr;)*) => {$(
        unsafe extern "C" fn $name($($argument: $type),*) -> CK_RV {
            let wrapper = wrapper();
            let Some(real) = wrapper.real.$function else { return CKR_FUNCTION_NOT_SUPPORTED };
            // SAFETY: the arguments are the caller's.
            wrapper.watch(stringify!($function), &$about, || unsafe { real($($argument),*) })
        }
    )*};
}

pass! {
    initialize = C_Initialize(arguments: CK_VOID_PTR), About::Module;
    get_slot_list = C_GetSlotList(present: CK_BBOOL, list: CK_SLOT_ID_PTR, count: CK_ULONG_PTR), About::Module;
    get_session_info = C_GetSessionInfo(session: CK_SESSION_HANDLE, info: CK_SESSION_INFO_PTR), About::Session(session);
    login = C_Login(session: CK_SESSION_HANDLE, user: CK_USER_TYPE, pin: CK_UTF8CHAR_PTR, length: CK_ULONG),
        About::Session(session);
    find_objects_init = C_FindObjectsInit(session: CK_SESSION_HANDLE, template: CK_ATTRIBUTE_PTR, count: CK_ULONG),
        About::Session(session);
    find_objects = C_FindObjects(session: CK_SESSION_HANDLE, objects: CK_OBJECT_HANDLE_PTR, most: CK_ULONG,
        count: CK_ULONG_PTR), About::Session(session);
    find_objects_final = C_FindObjectsFinal(session: CK_SESSION_HANDLE), About::Session(session);
    get_attribute_value = C_GetAttributeValue(session: CK_SESSION_HANDLE, object: CK_OBJECT_HANDLE,
        template: CK_ATTRIBUTE_PTR, count: CK_ULONG), About::Session(session);
    generate_key_pair = C_GenerateKeyPair(session: CK_SESSION_HANDLE, mechanism: CK_MECHANISM_PTR,
        public: CK_ATTRIBUTE_PTR, public_count: CK_ULONG, private: CK_ATTRIBUTE_PTR, private_count: CK_ULONG,
        public_key: CK_OBJECT_HANDLE_PTR, private_key: CK_OBJECT_HANDLE_PTR), About::Session(session);
    sign_init = C_SignInit(session: CK_SESSION_HANDLE, mechanism: CK_MECHANISM_PTR, key: CK_OBJECT_HANDLE),
        About::Session(session);
}

unsafe extern "C" fn finalize(reserved: CK_VOID_PTR) -> CK_RV {
    let wrapper = wrapper();
    let Some(real) = wrapper.real.C_Finalize else { return CKR_FUNCTION_NOT_SUPPORTED };
    wrapper.watch("C_Finalize", &About::Module, || {
        wrapper.state().sessions.clear();
        // SAFETY: the argument is the caller's.
        unsafe { real(reserved) }
    })
}

unsafe extern "C" fn sign(
    session: CK_SESSION_HANDLE,
    data: CK_BYTE_PTR,
    data_length: CK_ULONG,
    signature: CK_BYTE_PTR,
    length: CK_ULONG_PTR,
) -> CK_RV {
    let wrapper = wrapper();
    let Some(real) = wrapper.real.C_Sign else { return CKR_FUNCTION_NOT_SUPPORTED };
    let function = if signature.is_null() { "C_Sign.length" } else { "C_Sign" };
    // SAFETY: the arguments are the caller's.
    let call = || unsafe { real(session, data, data_length, signature, length) };
    let spoil = || {
        if !signature.is_null() {
            // SAFETY: C_Sign has written `*length` bytes there.
            unsafe { *signature.add(usize::try_from(*length).unwrap_or(1).saturating_sub(1)) ^= 1 };
        }
    };
    wrapper.watch_signature(function, &About::Session(session), call, spoil)
}

unsafe extern "C" fn get_token_info(slot: CK_SLOT_ID, info: CK_TOKEN_INFO_PTR) -> CK_RV {
    let wrapper = wrapper();
    let Some(real) = wrapper.real.C_GetTokenInfo else { return CKR_FUNCTION_NOT_SUPPORTED };
    // SAFETY: the arguments are the caller's.
    let result = wrapper.watch("C_GetTokenInfo", &About::Slot(slot), || unsafe { real(slot, info) });
    if let (CKR_OK, true, Some(most)) = (result, wrapper.tell_limit, wrapper.most_sessions) {
        // SAFETY: the real module has filled it in.
        unsafe { (*info).ulMaxSessionCount = most };
    }
    result
}

unsafe extern "C" fn get_mechanism_list(slot: CK_SLOT_ID, list: CK_MECHANISM_TYPE_PTR, count: CK_ULONG_PTR) -> CK_RV {
    let wrapper = wrapper();
    let Some(real) = wrapper.real.C_GetMechanismList else { return CKR_FUNCTION_NOT_SUPPORTED };
    wrapper.watch("C_GetMechanismList", &About::Slot(slot), || {
        let mut found: CK_ULONG = 0;
        // SAFETY: asks for the number, then for as many.
        let mut all = match unsafe { real(slot, std::ptr::null_mut(), &raw mut found) } {
            CKR_OK => vec![0; usize::try_from(found).unwrap_or(0)],
            error => return error,
        };
        match unsafe { real(slot, all.as_mut_ptr(), &raw mut found) } {
            CKR_OK => {}
            error => return error,
        }
        all.retain(|mechanism| !wrapper.hidden.contains(mechanism));
        let left = all.len() as CK_ULONG;
        // SAFETY: the caller's list has room for `*count`.
        unsafe {
            if !list.is_null() {
                if *count < left {
                    *count = left;
                    return CKR_BUFFER_TOO_SMALL;
                }
                std::ptr::copy_nonoverlapping(all.as_ptr(), list, all.len());
            }
            *count = left;
        }
        CKR_OK
    })
}

unsafe extern "C" fn open_session(
    slot: CK_SLOT_ID,
    flags: CK_FLAGS,
    application: CK_VOID_PTR,
    notify: CK_NOTIFY,
    session: CK_SESSION_HANDLE_PTR,
) -> CK_RV {
    let wrapper = wrapper();
    let Some(real) = wrapper.real.C_OpenSession else { return CKR_FUNCTION_NOT_SUPPORTED };
    wrapper.watch("C_OpenSession", &About::Slot(slot), || {
        let mut state = wrapper.state();
        if wrapper.most_sessions.is_some_and(|most| state.sessions.len() as u64 >= most) {
            return CKR_SESSION_COUNT;
        }
        // SAFETY: the arguments are the caller's.
        let result = unsafe { real(slot, flags, application, notify, session) };
        if result == CKR_OK {
            // SAFETY: written by the real module.
            state.sessions.insert(unsafe { *session }, slot);
        }
        result
    })
}

unsafe extern "C" fn close_session(session: CK_SESSION_HANDLE) -> CK_RV {
    let wrapper = wrapper();
    let Some(real) = wrapper.real.C_CloseSession else { return CKR_FUNCTION_NOT_SUPPORTED };
    wrapper.watch("C_CloseSession", &About::Session(session), || {
        wrapper.state().sessions.remove(&session);
        // SAFETY: the argument is the caller's.
        unsafe { real(session) }
    })
}
