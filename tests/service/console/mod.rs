//! The console over HTTP, as a browser without JavaScript has it.

mod forms;
mod oidc;
mod pages;
mod revocations;
mod round;
mod sessions;

use std::collections::BTreeMap;
use std::net::SocketAddr;

use crate::bench::{Service, link_of};
use crate::client::{Answer, Client};

/// A browser: it keeps one cookie and sends forms from pages of the console.
#[derive(Clone)]
pub(crate) struct Browser {
    client: Client,
    pub(crate) cookie: Option<String>,
}

/// What a browser says of a form that a page of the console sends.
pub(crate) const SAME: (&str, &str) = ("sec-fetch-site", "same-origin");
const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");

impl Browser {
    pub(crate) fn new(address: SocketAddr) -> Self {
        Self { client: Client { address, token: None }, cookie: None }
    }

    /// The browser of one of the people, logged in.
    pub(crate) fn of(service: &Service, name: &str) -> Self {
        let mut browser = Self::new(service.address);
        let secret = hex::encode(link_of(name));
        let answer = browser.send("POST", "/console/login/link", &[SAME, FORM], format!("secret={secret}").as_bytes());
        browser.keep(&answer.expect(200));
        browser
    }

    /// Keeps the cookie of an answer.
    pub(crate) fn keep(&mut self, answer: &Answer) {
        let set = answer.headers.get("set-cookie").expect("a cookie is set");
        self.cookie = set.split(';').next().map(str::to_owned);
    }

    pub(crate) fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
        let mut headers = headers.to_vec();
        if let Some(cookie) = &self.cookie {
            headers.push(("cookie", cookie));
        }
        self.client.send(method, path, &headers, body)
    }

    pub(crate) fn get(&self, path: &str) -> Answer {
        self.send("GET", path, &[], &[])
    }

    /// The text of a page.
    #[track_caller]
    pub(crate) fn page(&self, path: &str) -> String {
        text(&self.get(path).expect(200))
    }

    /// The token that the forms of this session carry.
    pub(crate) fn token(&self) -> String {
        let page = self.page("/console/");
        let (_, rest) = page.split_once("name=\"form_token\" value=\"").expect("a form");
        rest.split('"').next().unwrap().to_owned()
    }

    /// Sends a form of this session.
    #[track_caller]
    pub(crate) fn form(&self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let token = self.token();
        let fields: Vec<(&str, &str)> = [&[("form_token", token.as_str())], fields].concat();
        self.send("POST", path, &[SAME, FORM], encoded(&fields).as_bytes())
    }

    /// Sends a form and returns where it leads.
    #[track_caller]
    pub(crate) fn lead(&self, path: &str, fields: &[(&str, &str)]) -> String {
        let answer = self.form(path, fields).expect(303);
        answer.headers["location"].clone()
    }

    /// Sends a file as the form of the page does.
    pub(crate) fn upload(&self, name: &str, content: &[u8]) -> Answer {
        self.send_file(name, content, "")
    }

    /// Sends a file with what it is a list of, as the form of a revocation does.
    pub(crate) fn send_file(&self, name: &str, content: &[u8], list: &str) -> Answer {
        let token = self.token();
        let head = format!(
            "--edge\r\nContent-Disposition: form-data; name=\"form_token\"\r\n\r\n{token}\r\n--edge\r\n\
             Content-Disposition: form-data; name=\"list\"\r\n\r\n{list}\r\n--edge\r\n\
             Content-Disposition: form-data; name=\"file\"; filename=\"{name}\"\r\nContent-Type: application/zip\r\n\r\n"
        );
        let body = [head.as_bytes(), content, b"\r\n--edge--\r\n"].concat();
        self.send("POST", "/console/uploads", &[SAME, ("content-type", "multipart/form-data; boundary=edge")], &body)
    }

    /// Opens a page until it has a text.
    #[track_caller]
    pub(crate) fn until(&self, path: &str, wanted: &str) -> String {
        let end = std::time::Instant::now() + std::time::Duration::from_secs(60);
        loop {
            let page = self.page(path);
            if page.contains(wanted) {
                return page;
            }
            assert!(std::time::Instant::now() < end, "{path} has no `{wanted}`: {page}");
            std::thread::sleep(std::time::Duration::from_millis(50));
        }
    }
}

pub(crate) fn text(answer: &Answer) -> String {
    String::from_utf8(answer.body.clone()).unwrap()
}

fn encoded(fields: &[(&str, &str)]) -> String {
    fields.iter().map(|(name, value)| format!("{}={}", escaped(name), escaped(value))).collect::<Vec<_>>().join("&")
}

/// A text in a query.
pub(crate) fn escaped(text: &str) -> String {
    text.bytes().fold(String::new(), |text, byte| format!("{text}%{byte:02X}"))
}

/// The values of an attribute in a page, each once.
pub(crate) fn attributes(page: &str, name: &str) -> BTreeMap<String, usize> {
    let mut found = BTreeMap::new();
    for rest in page.split(&format!(" {name}=\"")).skip(1) {
        *found.entry(rest.split('"').next().unwrap().to_owned()).or_default() += 1;
    }
    found
}
