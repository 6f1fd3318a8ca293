# workerd serve workerd.capnp, beside worker.mjs, which is worker.ts as any bundler makes it.
using Workerd = import "/workerd/workerd.capnp";

const config :Workerd.Config = (
  services = [(name = "main", worker = .inbox)],
  sockets = [(name = "http", address = "127.0.0.1:8080", http = (), service = "main")],
);

const inbox :Workerd.Worker = (
  modules = [(name = "worker.mjs", esModule = embed "worker.mjs")],
  compatibilityDate = "2026-10-01",
  durableObjectNamespaces = [(className = "Inbox", uniqueKey = "inbox")],
  durableObjectStorage = (inMemory = void),
  bindings = [
    (name = "INBOX", durableObjectNamespace = "Inbox"),
    (name = "AUDIENCE", text = "did:web:worker.example.test"),
    (name = "SENDERS", json = "{}"),
  ],
);
