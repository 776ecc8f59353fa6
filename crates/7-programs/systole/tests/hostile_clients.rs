//! Clients that send rubbish, half a frame or far too much, that never read, and a thousand that only sit there: the daemon serves
//! everybody else meanwhile, and its service goes on. The same of hosts that knock where the cluster is administered from outside.

#[allow(dead_code, reason = "each test uses its part of it")]
mod live;

use live::{Sandbox, until};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::net::UnixStream;

/// Numbers that look like chance and are the same each time.
struct Chance(u64);

impl Chance {
    fn next(&mut self, below: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as usize % below
    }

    fn bytes(&mut self, length: usize) -> Vec<u8> {
        (0..length).map(|_| self.next(256) as u8).collect()
    }
}

fn frame(text: &str) -> Vec<u8> {
    let mut bytes = (text.len() as u32).to_le_bytes().to_vec();
    bytes.extend(text.as_bytes());
    bytes
}

/// What hostile clients send, one after another.
fn attack(chance: &mut Chance) -> Vec<u8> {
    let valid = r#"{"id":1,"client":"x","body":"Info"}"#;
    match chance.next(9) {
        0 => {
            let length = chance.next(4000);
            chance.bytes(length)
        }
        // A length that is never reached, and one that is beyond all bounds.
        1 => [1000u32.to_le_bytes().to_vec(), vec![b'{'; 500]].concat(),
        2 => [u32::MAX.to_le_bytes().to_vec(), chance.bytes(100)].concat(),
        3 => frame(&format!("{}{}", "[".repeat(20_000), "]".repeat(20_000))),
        4 => frame(r#"{"id":1,"client":"x","body":{"CibEdit":{"request":"","edit":{"operation":"replace","xml":"<cib"}}}}"#),
        5 => frame(r#"{"id":1,"client":"x","body":{"CibQuery":{"xpath":"//*[//*[//*[//*]]]"}}}"#),
        6 => frame(
            r#"{"id":18446744073709551615,"client":"","body":{"AttributeUpdate":{"node":"\u0000","name":"[","pattern":true,"value":"x"}}}"#,
        ),
        7 => {
            // One bit of a good request.
            let mut bytes = frame(valid);
            let at = chance.next(bytes.len());
            bytes[at] ^= 1 << chance.next(8);
            bytes
        }
        _ => frame(valid).repeat(50),
    }
}

#[test]
fn hostile_clients_harm_nobody_else() {
    let mut sandbox = Sandbox::start(&live::configuration("127.0.88.1", "", ""), &["--nodes", "2"]);
    let socket = sandbox.root("node1").join("run/systole/systole.sock");
    let connect = || UnixStream::connect(&socket);
    let polite = |sandbox: &Sandbox, when: &str| {
        let (is_content, text) = sandbox.says("node1", &["cibadmin", "-Q", "--scope", "nodes"]);
        assert!(is_content && text.contains("node2"), "{when}: {text}");
    };
    polite(&sandbox, "before");
    let mut chance = Chance(0x5eed);
    let mut held = Vec::new();
    for round in 0..300 {
        let Ok(mut stream) = connect() else { panic!("round {round}: nobody is let in any more") };
        // A daemon that hangs up meanwhile is right to.
        let _ = stream.write_all(&attack(&mut chance));
        match chance.next(3) {
            0 => held.push(stream),
            1 => drop(stream),
            _ => {
                stream.set_read_timeout(Some(std::time::Duration::from_millis(1))).unwrap();
                let _ = stream.read(&mut [0; 64]);
            }
        }
        if round % 50 == 49 {
            polite(&sandbox, "among rubbish");
        }
    }
    // They subscribe to everything and read nothing.
    for _ in 0..20 {
        let mut stream = connect().unwrap();
        let _ = stream.write_all(&frame(r#"{"id":1,"client":"deaf","body":"Subscribe"}"#));
        let _ = stream.write_all(&frame(r#"{"id":2,"client":"deaf","body":{"CibQuery":{}}}"#).repeat(60));
        held.push(stream);
    }
    polite(&sandbox, "among the deaf");
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile);
    let wanted = rustix::process::Rlimit { current: limit.maximum.map(|most| most.min(8192)), maximum: limit.maximum };
    let _ = rustix::process::setrlimit(rustix::process::Resource::Nofile, wanted);
    let crowd: Vec<UnixStream> = (0..1000).map_while(|_| connect().ok()).collect();
    println!("{} connections at a time", crowd.len() + held.len());
    polite(&sandbox, "in the crowd");
    sandbox.tell(&["standby node1"]);
    sandbox.comes_to_say("node2", &["crm_mon", "-1"], "Node node1: standby");
    drop((crowd, held));
    polite(&sandbox, "after all of it");
    let (_, text) = sandbox.says("node2", &["crm_resource", "-r", "web", "-W"]);
    assert!(text.contains("is running on"), "{text}");
    sandbox.end();
}

/// A message of Pacemaker's remote protocol whose header promises this many bytes.
fn remote_message(text: &str, promised: u32) -> Vec<u8> {
    let words = [0xBADA_DBBDu32, 1, 1, 0, 0, 0, 40 + promised, 40, 0, promised];
    [words.iter().flat_map(|word| word.to_ne_bytes()).collect(), text.as_bytes().to_vec(), vec![0]].concat()
}

/// What hostile hosts send, one after another.
fn knock(chance: &mut Chance) -> Vec<u8> {
    let whole = |text: &str| remote_message(text, text.len() as u32 + 1);
    let login = "<cib_command op=\"authenticate\" user=\"nobody-of-this-name\" password=\"x\"/>";
    match chance.next(8) {
        0 => {
            let length = chance.next(4000);
            chance.bytes(length)
        }
        // A message that never comes, and one beyond all bounds.
        1 => remote_message("<cib_command", 1000),
        2 => remote_message("<cib_command", u32::MAX - 100),
        3 => whole("<cib_command cib_op=\"cib_erase\" cib_callopt=\"1048576\"/>"),
        4 => whole(&format!("{}{}", "<a>".repeat(4000), "</a>".repeat(4000))),
        5 => b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03".to_vec(),
        6 => {
            let mut bytes = whole(login);
            let at = chance.next(bytes.len());
            bytes[at] ^= 1 << chance.next(8);
            bytes
        }
        _ => whole(login).repeat(20),
    }
}

/// Returns two ports that nobody listens on.
fn free_ports() -> [u16; 2] {
    let held = [0, 1].map(|_| TcpListener::bind("0.0.0.0:0").unwrap());
    held.map(|listener| listener.local_addr().unwrap().port())
}

#[test]
fn hostile_hosts_harm_nobody() {
    let sandbox = Sandbox::start(&live::configuration("127.0.88.2", "", ""), &["--nodes", "1"]);
    let [tls, clear] = free_ports();
    let polite = |when: &str| {
        let (is_content, text) = sandbox.says("node1", &["cibadmin", "-Q", "--scope", "nodes"]);
        assert!(is_content && text.contains("node1"), "{when}: {text}");
    };
    assert!(TcpStream::connect(("127.0.0.1", clear)).is_err(), "nothing listens unless it is told to");
    let ports = format!("<cib remote-tls-port=\"{tls}\" remote-clear-port=\"{clear}\"/>");
    let (is_content, text) = sandbox.says("node1", &["cibadmin", "-M", "--xml-text", &ports]);
    assert!(is_content, "{text}");
    let log = sandbox.root("node1").join("var/log/pacemaker/pacemaker.log");
    let logged = |words: &str| std::fs::read_to_string(&log).unwrap_or_default().contains(words);
    until("both ports are open", || [clear, tls].iter().all(|port| logged(&format!("administered on port {port}"))));
    let mut chance = Chance(0x5eed);
    for round in 0..400 {
        let mut stream = TcpStream::connect(("127.0.0.1", if round % 2 == 0 { tls } else { clear })).unwrap();
        // A daemon that hangs up meanwhile is right to.
        let _ = stream.write_all(&knock(&mut chance));
        if chance.next(2) == 0 {
            stream.set_read_timeout(Some(std::time::Duration::from_millis(1))).unwrap();
            let _ = stream.read(&mut [0; 64]);
        }
        if round % 100 == 99 {
            polite("among rubbish");
        }
    }
    // Those who only sit there are few at a time, and shown out after a while.
    let mut crowd: Vec<TcpStream> = (0..1000).map_while(|_| TcpStream::connect(("127.0.0.1", clear)).ok()).collect();
    assert!(crowd.len() > 500, "{} connections", crowd.len());
    polite("in the crowd");
    for stream in &mut crowd {
        assert!(matches!(stream.read(&mut [0; 64]), Ok(0) | Err(_)), "nothing is said to a stranger");
    }
    // The door is open still: somebody with a name is answered, if only by a refusal. (Whoever comes while the last of the crowd is being shown
    // out may find no room, and comes again.)
    let login = "<cib_command op=\"authenticate\" user=\"late-guest\" password=\"very-secret\"/>";
    until("the late guest is heard", || {
        let mut stream = TcpStream::connect(("127.0.0.1", clear)).unwrap();
        let _ = stream.write_all(&remote_message(login, login.len() as u32 + 1));
        assert!(matches!(stream.read(&mut [0; 64]), Ok(0) | Err(_)));
        logged("\"late-guest\" at 127.0.0.1 was not let in: not in the group haclient")
    });
    assert!(!logged("very-secret"), "a password is in the log");
    polite("after all of it");
    sandbox.end();
}
