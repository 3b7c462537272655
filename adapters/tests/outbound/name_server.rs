//! A name server on this machine that lies as a test tells it to, over UDP and TCP.

use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use firsthand_adapters::outbound::Policy;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, UdpSocket};
use tokio::task::JoinSet;

use crate::HERE;

const A: u16 = 1;
const CNAME: u16 = 5;
const AAAA: u16 = 28;
/// What fits into a packet without being asked about.
const PACKET: usize = 1200;

/// A question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Question {
    pub(crate) name: String,
    pub(crate) v6: bool,
}

/// An answer.
#[derive(Debug, Clone)]
pub(crate) struct Reply {
    code: u8,
    addresses: Vec<IpAddr>,
    alias: Option<&'static str>,
    lifetime: u32,
    delay: Duration,
    wrong_id: bool,
    silent: bool,
}

impl Reply {
    /// These addresses; of each family, those that were asked for.
    pub(crate) fn of(addresses: &[IpAddr]) -> Self {
        Self {
            code: 0,
            addresses: addresses.to_vec(),
            alias: None,
            lifetime: 3600,
            delay: Duration::ZERO,
            wrong_id: false,
            silent: false,
        }
    }

    pub(crate) fn code(code: u8) -> Self {
        Self { code, ..Self::of(&[]) }
    }

    pub(crate) fn alias(self, alias: &'static str) -> Self {
        Self { alias: Some(alias), ..self }
    }

    pub(crate) fn without_lifetime(self) -> Self {
        Self { lifetime: 0, ..self }
    }

    pub(crate) fn after(self, delay: Duration) -> Self {
        Self { delay, ..self }
    }

    pub(crate) fn forged(self) -> Self {
        Self { wrong_id: true, ..self }
    }

    pub(crate) fn silence() -> Self {
        Self { silent: true, ..Self::of(&[]) }
    }
}

type Answers = Arc<dyn Fn(&Question) -> Reply + Send + Sync>;

pub(crate) struct NameServer {
    address: SocketAddr,
    questions: Arc<Mutex<Vec<Question>>>,
    _tasks: JoinSet<()>,
}

impl NameServer {
    pub(crate) async fn start(
        answers: impl Fn(&Question) -> Reply + Send + Sync + 'static,
    ) -> Self {
        let (udp, tcp) = sockets().await;
        let address = udp.local_addr().unwrap();
        let questions = Arc::default();
        let teller = Teller { answers: Arc::new(answers), questions: Arc::clone(&questions) };
        let mut tasks = JoinSet::new();
        tasks.spawn(teller.clone().over_udp(Arc::new(udp)));
        tasks.spawn(teller.over_tcp(tcp));
        Self { address, questions, _tasks: tasks }
    }

    /// `policy`, asking here.
    pub(crate) fn policy(&self, mut policy: Policy) -> Policy {
        policy.name_servers = Some(vec![self.address]);
        policy
    }

    pub(crate) fn questions(&self) -> Vec<Question> {
        self.questions.lock().unwrap().clone()
    }
}

/// Two sockets on the same port.
async fn sockets() -> (UdpSocket, TcpListener) {
    loop {
        let tcp = TcpListener::bind((HERE, 0)).await.unwrap();
        if let Ok(udp) = UdpSocket::bind(tcp.local_addr().unwrap()).await {
            return (udp, tcp);
        }
    }
}

#[derive(Clone)]
struct Teller {
    answers: Answers,
    questions: Arc<Mutex<Vec<Question>>>,
}

impl Teller {
    async fn over_udp(self, socket: Arc<UdpSocket>) {
        let mut packet = [0; 2048];
        let mut answers = JoinSet::new();
        loop {
            let (length, asker) = socket.recv_from(&mut packet).await.unwrap();
            let (teller, query, socket) =
                (self.clone(), packet[..length].to_vec(), Arc::clone(&socket));
            answers.spawn(async move {
                let Some(mut answer) = teller.answer(&query).await else { return };
                if answer.len() > PACKET {
                    // Truncated: ask again over TCP.
                    answer[2] |= 2;
                    answer[6..12].fill(0);
                    answer.truncate(end_of_question(&query));
                }
                socket.send_to(&answer, asker).await.unwrap();
            });
        }
    }

    async fn over_tcp(self, listener: TcpListener) {
        let mut answers = JoinSet::new();
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let teller = self.clone();
            answers.spawn(async move {
                while let Ok(length) = stream.read_u16().await {
                    let mut query = vec![0; length.into()];
                    stream.read_exact(&mut query).await.unwrap();
                    let Some(answer) = teller.answer(&query).await else { return };
                    stream.write_u16(answer.len().try_into().unwrap()).await.unwrap();
                    stream.write_all(&answer).await.unwrap();
                }
            });
        }
    }

    async fn answer(&self, query: &[u8]) -> Option<Vec<u8>> {
        let end = end_of_question(query);
        let kind = u16::from_be_bytes([query[end - 4], query[end - 3]]);
        assert!(kind == A || kind == AAAA, "asked for {kind}");
        let question = Question { name: name(&query[12..]), v6: kind == AAAA };
        self.questions.lock().unwrap().push(question.clone());
        let reply = (self.answers)(&question);
        tokio::time::sleep(reply.delay).await;
        (!reply.silent).then(|| reply.encode(&query[..end], kind))
    }
}

impl Reply {
    fn encode(&self, query: &[u8], kind: u16) -> Vec<u8> {
        let mut records = Vec::new();
        let mut count = 0_u16;
        // Where the name of the question stands.
        let mut owner = 0xc00c_u16;
        if let Some(alias) = self.alias {
            let data = labels(alias);
            record(&mut records, owner, CNAME, self.lifetime, &data);
            owner = 0xc000 | u16::try_from(query.len() + records.len() - data.len()).unwrap();
            count += 1;
        }
        for address in &self.addresses {
            match address {
                IpAddr::V4(address) if kind == A => {
                    record(&mut records, owner, A, self.lifetime, &address.octets());
                }
                IpAddr::V6(address) if kind == AAAA => {
                    record(&mut records, owner, AAAA, self.lifetime, &address.octets());
                }
                IpAddr::V4(_) | IpAddr::V6(_) => continue,
            }
            count += 1;
        }
        let mut answer = query.to_vec();
        if self.wrong_id {
            answer[0] ^= 0xff;
        }
        answer[2] = 0x81;
        answer[3] = 0x80 | self.code;
        answer[6..8].copy_from_slice(&count.to_be_bytes());
        answer[8..12].fill(0);
        answer.extend(records);
        answer
    }
}

fn record(records: &mut Vec<u8>, owner: u16, kind: u16, lifetime: u32, data: &[u8]) {
    records.extend(owner.to_be_bytes());
    records.extend(kind.to_be_bytes());
    records.extend(1_u16.to_be_bytes());
    records.extend(lifetime.to_be_bytes());
    records.extend(u16::try_from(data.len()).unwrap().to_be_bytes());
    records.extend(data);
}

fn labels(name: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    for label in name.trim_end_matches('.').split('.') {
        bytes.push(u8::try_from(label.len()).unwrap());
        bytes.extend(label.as_bytes());
    }
    bytes.push(0);
    bytes
}

fn name(mut bytes: &[u8]) -> String {
    let mut name = String::new();
    while bytes[0] != 0 {
        let (label, rest) = bytes[1..].split_at(bytes[0].into());
        name.push_str(str::from_utf8(label).unwrap());
        name.push('.');
        bytes = rest;
    }
    name
}

fn end_of_question(query: &[u8]) -> usize {
    let length = query[12..].iter().position(|byte| *byte == 0).unwrap();
    12 + length + 5
}
