//! What relying parties make of the lists: OpenSSL, GnuTLS, nginx and mosquitto, with the recipes of the guide.

use std::path::{Path, PathBuf};
use std::process::Command;

use reroot::durable::{Access, create_directory};

use super::field::Field;
use crate::support::judges::put;
use crate::support::pki::der;
use crate::support::run::{Finished, Run};
use crate::support::server::Server;

/// A CA with a root that has a list too, devices, and all of it in PEM.
struct World {
    field: Field,
}

impl World {
    fn new(chips: u64) -> Self {
        let world = Self { field: Field::new(chips) };
        let args = [
            "export",
            "batch",
            "--to",
            "directory",
            "--form",
            "pem",
            "--out",
            "devices",
            "--issuer-anchor",
            "pki/ca/root.pem",
        ];
        world.field.workshop.reroot(&args).run().success();
        // the guide's configuration of the root: its key, and a ledger of its own
        let config = std::fs::read_to_string(world.path("pki/reroot.toml")).unwrap();
        let anchors = config.lines().find(|line| line.starts_with("anchors = ")).unwrap();
        put(
            &world.path("pki/root.toml"),
            format!(
                "[issuer]\ncertificate = \"ca/root.pem\"\nkey = \"ca/root.key.pem\"\n\n[manifest]\ncertificate = \
                 \"ca/manifest.pem\"\n\n[source]\n{anchors}\n\n[ledger]\npath = \"root-ledger.db\"\n"
            ),
        );
        world.root_crl(&["--new-ledger"]);
        let own = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"];
        let names = ["-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1,DNS:localhost"];
        let files = ["-keyout", "server.key", "-out", "server.pem"];
        Run::openssl().args(own).args(names).args(files).folder(world.field.workshop.folder()).run().success();
        world
    }

    fn path(&self, name: &str) -> PathBuf {
        self.field.path(name)
    }

    fn root_crl(&self, more: &[&str]) {
        let args = ["crl", "--out", "root-www", "--config", "pki/root.toml"];
        self.field.workshop.reroot(&args).args(more).run().success();
        self.pem("root-www/full.crl");
    }

    /// The root revokes the issuing CA, and publishes that.
    fn revoke_the_issuing_ca(&self) {
        let args = ["revoke", "--certificate", "pki/ca/issuing.pem", "--reason", "superseded", "--yes"];
        self.field.workshop.reroot(&args).args(["--config", "pki/root.toml"]).run().success();
        self.root_crl(&[]);
        self.round();
    }

    /// A round, with its lists in PEM beside.
    fn round(&self) {
        self.field.crl();
        for list in ["full", "1", "2", "3", "4"] {
            self.pem(&format!("www/{list}.crl"));
        }
        let lists = ["www/full.pem", "root-www/full.pem"].map(|name| std::fs::read(self.path(name)).unwrap());
        put(&self.path("lists.pem"), lists.concat());
    }

    fn pem(&self, name: &str) {
        let out = name.replace(".crl", ".pem");
        let args = ["crl", "-inform", "DER", "-in", name, "-out", &out];
        Run::openssl().args(args).folder(self.field.workshop.folder()).run().success();
    }

    fn shard(uid: &str) -> u16 {
        let bytes = hex::decode(uid).unwrap();
        reroot::crl::Shards::new(4).unwrap().of(&bytes)
    }

    /// `openssl verify` of a device with these lists.
    fn openssl(&self, uid: &str, lists: &[&str], check: &str) -> Finished {
        let mut run = Run::openssl().args(["verify", "-no-CApath", "-no-CAstore", "-CAfile", "pki/ca/root.pem"]);
        run = run.args(["-untrusted", "batch/chain.pem", check]);
        for list in lists {
            run = run.args(["-CRLfile", list]);
        }
        run.arg(self.path(&format!("devices/{uid}.pem"))).folder(self.field.workshop.folder()).run()
    }

    /// `certtool --verify` of a device, with one file of lists.
    fn gnutls(&self, uid: &str, lists: &str) -> Finished {
        let run =
            Run::certtool().args(["--verify", "--load-ca-certificate", "pki/ca/issuing.pem", "--load-crl", lists]);
        run.arg("--infile").arg(self.path(&format!("devices/{uid}.pem"))).folder(self.field.workshop.folder()).run()
    }

    fn revoke(&self, index: u64, how: &[&str]) -> String {
        let uid = self.field.uid(index);
        self.field.revoke(&[&["--uid", &uid], how].concat()).success();
        uid
    }
}

#[test]
fn openssl_takes_the_list_that_matches_and_no_other() {
    let world = World::new(8);
    let revoked = world.revoke(0, &["--reason", "keyCompromise"]);
    world.round();
    let good =
        (1..8).map(|index| world.field.uid(index)).find(|uid| World::shard(uid) != World::shard(&revoked)).unwrap();
    let shard = |uid: &str| format!("www/{}.pem", World::shard(uid));
    let (right, other) = (shard(&revoked), shard(&good));
    let refused = |finished: Finished, error: &str| {
        let said = finished.out() + &finished.err();
        assert!(finished.code != Some(0) && said.contains(error), "{error}: {said}");
    };
    // a shard, the full list, both and all in one file in either order
    refused(world.openssl(&revoked, &[&right], "-crl_check"), "error 23 at 0 depth lookup: certificate revoked");
    refused(world.openssl(&revoked, &["www/full.pem"], "-crl_check"), "certificate revoked");
    world.openssl(&good, &[&other], "-crl_check").success();
    world.openssl(&good, &["www/full.pem"], "-crl_check").success();
    refused(world.openssl(&revoked, &[&other], "-crl_check"), "error 44 at 0 depth lookup: different CRL scope");
    refused(world.openssl(&good, &[&right], "-crl_check"), "different CRL scope");
    for order in [["1", "2", "3", "4", "full"], ["full", "4", "3", "2", "1"]] {
        let all: Vec<u8> =
            order.iter().flat_map(|list| std::fs::read(world.path(&format!("www/{list}.pem"))).unwrap()).collect();
        put(&world.path("all.pem"), all);
        refused(world.openssl(&revoked, &["all.pem"], "-crl_check"), "certificate revoked");
        world.openssl(&good, &["all.pem"], "-crl_check").success();
    }
    // the whole chain wants the root's list as well
    refused(world.openssl(&good, &["www/full.pem"], "-crl_check_all"), "unable to get certificate CRL");
    world.openssl(&good, &["lists.pem"], "-crl_check_all").success();
    // the issuing CA is revoked by its root
    world.revoke_the_issuing_ca();
    refused(world.openssl(&good, &["lists.pem"], "-crl_check_all"), "error 23 at 1 depth lookup: certificate revoked");
}

/// GnuTLS keeps one list of an issuer and does not look at its scope: shards fail open there. If this test fails, a
/// release of GnuTLS has mended it, and the guide is to say so.
#[test]
fn gnutls_is_safe_with_the_full_list_and_fails_open_with_shards() {
    let world = World::new(8);
    let revoked = world.revoke(0, &["--reason", "keyCompromise"]);
    world.round();
    let good = world.field.uid(1);
    let is_revoked = |finished: &Finished| (finished.out() + &finished.err()).contains("revoked");
    let full = world.gnutls(&revoked, "www/full.pem");
    assert!(is_revoked(&full) && full.code != Some(0), "{full:?}");
    world.gnutls(&good, "www/full.pem").success();
    let wrong = format!("www/{}.pem", World::shard(&revoked) % 4 + 1);
    let fails_open = world.gnutls(&revoked, &wrong);
    assert!(fails_open.code == Some(0) && !is_revoked(&fails_open), "GnuTLS looks at the scope now: {fails_open:?}");
}

/// A device as files: its key, and its certificate with the issuing CA's behind it.
fn device(world: &World, index: u64) -> (String, PathBuf, PathBuf) {
    let leaf = world.field.workshop.pki.leaf(index);
    let uid = leaf.uid();
    let (key, chain) = (world.path(&format!("{uid}.TEST-key.pem")), world.path(&format!("{uid}.chain.pem")));
    put(&key, der::pem("PRIVATE KEY", &leaf.key));
    let parts = [format!("devices/{uid}.pem"), "pki/ca/issuing.pem".to_owned()];
    let parts: Vec<u8> = parts.iter().flat_map(|name| std::fs::read(world.path(name)).unwrap()).collect();
    put(&chain, parts);
    (uid, key, chain)
}

fn nginx(world: &World, folder: &Path) -> Server {
    let name = folder.file_name().unwrap().to_string_lossy();
    Server::start(world.field.workshop.folder(), &name, |port| {
        if !folder.exists() {
            create_directory(folder, Access::Public).unwrap();
        }
        let config = folder.join("nginx.conf");
        let paths: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
            .map(|what| format!("{what}_temp_path {}/{what}; ", folder.display()))
            .concat();
        let files = ["pki/ca/root.pem", "server.pem", "server.key", "lists.pem"];
        let [root, certificate, key, lists] = files.map(|name| world.path(name).display().to_string());
        let text = format!(
            "daemon off; master_process off; pid {folder}/pid; error_log stderr info;\n\
             events {{ worker_connections 64; }}\n\
             http {{ access_log off; {paths}\n\
             server {{ listen 127.0.0.1:{port} ssl; ssl_certificate {certificate}; ssl_certificate_key {key};\n\
             ssl_client_certificate {root}; ssl_verify_client on; ssl_verify_depth 2; ssl_crl {lists};\n\
             location / {{ return 200 \"welcome\"; }} }} }}\n",
            folder = folder.display(),
        );
        put(&config, text);
        let mut command = Command::new("/usr/sbin/nginx");
        command.args(["-e", "stderr", "-p"]).arg(folder).arg("-c").arg(config);
        command
    })
}

fn mosquitto(world: &World, name: &str) -> Server {
    Server::start(world.field.workshop.folder(), name, |port| {
        let config = world.path("mosquitto.conf");
        let files = ["pki/ca/root.pem", "server.pem", "server.key", "lists.pem"];
        let [root, certificate, key, lists] = files.map(|name| world.path(name).display().to_string());
        let text = format!(
            "user root\nlog_dest stderr\nlog_type all\nallow_anonymous false\nlistener {port} 127.0.0.1\n\
             cafile {root}\ncertfile {certificate}\nkeyfile {key}\nrequire_certificate true\n\
             use_identity_as_username true\ncrlfile {lists}\n"
        );
        put(&config, text);
        let mut command = Command::new("/usr/sbin/mosquitto");
        command.arg("-c").arg(config);
        command
    })
}

/// A revoked device is refused in the handshake, the others are served, and one that was on hold is served again. When the
/// root has revoked the issuing CA, no device is served.
#[test]
fn nginx_refuses_a_revoked_device_until_it_is_released() {
    let world = World::new(3);
    let devices = [0, 1, 2].map(|index| device(&world, index));
    world.revoke(0, &["--reason", "keyCompromise"]);
    world.revoke(1, &["--hold"]);
    world.round();
    let welcome = |server: &Server, (_, key, chain): &(String, PathBuf, PathBuf)| {
        let address = server.address();
        let client = Run::openssl().args(["s_client", "-connect", &address, "-quiet", "-verify_return_error"]);
        let client = client.arg("-CAfile").arg(world.path("server.pem")).arg("-cert").arg(chain).arg("-key").arg(key);
        let client = client.arg("-cert_chain").arg(world.path("pki/ca/issuing.pem"));
        client.stdin("GET / HTTP/1.0\r\nHost: localhost\r\nConnection: close\r\n\r\n").run().out().contains("welcome")
    };
    let server = nginx(&world, &world.path("nginx"));
    let served = devices.each_ref().map(|device| welcome(&server, device));
    assert_eq!(served, [false, false, true], "{}", server.log());
    server.said("certificate revoked");
    drop(server);
    let held = world.field.uid(1);
    world.field.release(&["--uid", &held]).success();
    world.round();
    let server = nginx(&world, &world.path("nginx-after"));
    let served = devices.each_ref().map(|device| welcome(&server, device));
    assert_eq!(served, [false, true, true], "{}", server.log());
    drop(server);
    world.revoke_the_issuing_ca();
    let server = nginx(&world, &world.path("nginx-root"));
    let served = devices.each_ref().map(|device| welcome(&server, device));
    assert_eq!(served, [false; 3], "{}", server.log());
    server.said("certificate revoked");
}

#[test]
fn mosquitto_refuses_a_revoked_device_until_it_is_released() {
    let world = World::new(3);
    let devices = [0, 1, 2].map(|index| device(&world, index));
    world.revoke(0, &["--reason", "keyCompromise"]);
    world.revoke(1, &["--hold"]);
    world.round();
    let publishes = |server: &Server, (uid, key, chain): &(String, PathBuf, PathBuf)| {
        let port = server.port().to_string();
        let client = Run::tool("mosquitto_pub").args(["-h", "127.0.0.1", "-p", &port, "-i", uid, "-q", "1"]);
        let client = client.args(["-t", "state", "-m", "up", "--cafile"]).arg(world.path("server.pem"));
        client.arg("--cert").arg(chain).arg("--key").arg(key).run().code == Some(0)
    };
    let server = mosquitto(&world, "mosquitto");
    let served = devices.each_ref().map(|device| publishes(&server, device));
    assert_eq!(served, [false, false, true], "{}", server.log());
    server.said("certificate verify failed");
    drop(server);
    let held = world.field.uid(1);
    world.field.release(&["--uid", &held]).success();
    world.round();
    let server = mosquitto(&world, "mosquitto-after");
    let served = devices.each_ref().map(|device| publishes(&server, device));
    assert_eq!(served, [false, true, true], "{}", server.log());
    drop(server);
    // mosquitto asks for the device's own certificate alone. If this fails, a release looks at the chain, and the guide is
    // to say so.
    world.revoke_the_issuing_ca();
    let server = mosquitto(&world, "mosquitto-root");
    let served = devices.each_ref().map(|device| publishes(&server, device));
    assert_eq!(served, [false, true, true], "{}", server.log());
}
