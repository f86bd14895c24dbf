# An example for ballast-director. Everything has a default but interfaces, and
# a vip's address, ports and servers; settings behind "#" without a space show
# others than the defaults in use. Check a copy by: ballast-director check FILE

# Towards the clients, and towards the servers: one is enough if they share it.
interfaces = ["eth0", "eth1"]

control = "/run/ballast/director.sock" # for ballastctl
metrics = "127.0.0.1:9154"             # for Prometheus; "" for none
#metrics_open = true                   # metrics may be reached from elsewhere

state       = "/sys/fs/bpf/ballast" # maps and links outlive the program here
connections = 262144                # size of the connection table

# A connection is forgotten when it has been idle for so long.
timeouts {
  established = "15m"
  opening     = "60s"
  closing     = "2m"
  reset       = "10s"
  udp         = "5m"
}

# A SYN that is repeated unanswered goes to another server. Clients repeat
# theirs after a second.
syn { retry = "800ms", tries = 16 }

# Where vips take servers by service = "...", and are registered for the name
# server. File names are relative to this file's directory.
consul {
  address = "127.0.0.1:8500"
  #datacenter  = "dc1"
  #token_file  = "consul.token"
  #ca_file     = "consul-ca.pem"
  #cert_file   = "director.pem"
  #key_file    = "director.key"
  #server_name = "server.dc1.consul"
  #insecure    = true
  #wait        = "10s"
  #max_rate    = 400
}

# Web servers in a list. They route back to the clients through the director.
vip "web" {
  address   = "192.0.2.100"
  ports     = [80, 443]
  protocol  = "tcp" # or udp
  scheduler = "wlc" # or rr, wrr, lc, sh, maglev, load
  mode      = "nat" # or fullnat

  servers = [
    "10.0.0.11",
    "10.0.0.12 weight=2", # twice the connections
    "10.0.0.13:8080",     # another port than the client's
    "10.0.0.99 fallback", # says sorry
  ]
  quorum = 1 # fallback servers serve when less than this are alive

  check "http" {
    path     = "/healthz"
    host     = "www.example.org"
    interval = "1s"
    timeout  = "500ms"
    rise     = 2
    fall     = 3
    #port    = 8081
  }
  slow_start = "30s" # until a server that returns has its whole share

  # A client's connections to both ports go to one server, for six minutes
  # after the last was opened. Clients are networks of this many bits.
  persistence { timeout = "360s", prefix = 24 }

  # What becomes of established connections when their server dies: drain,
  # reset, or reset-if-silent, which spares those whose server still speaks.
  on_failure     = "reset-if-silent"
  silence        = "3s"
  drain_deadline = "0s" # after it a drained server's connections are reset; 0s: never

  # A server to which this many connections in a row fail is taken out, but
  # never more than half of them.
  eject { consecutive = 5, base = "5s" }
  max_ejected = 50

  register = true # in Consul
  announce = true # add the address to the interface, and tell the neighbours
}

# A service in Consul: its health checks, weights and drains count here too. Its
# servers answer whatever their routes are: they see the director's address.
vip "api" {
  address = "192.0.2.101"
  ports   = [443]
  service = "api"
  #tag        = ["blue"]
  #datacenter = "dc2"
  fallback  = ["10.0.0.99:8443"]
  scheduler = "load"

  # Ask the servers' agents for their load; more often than Consul is told.
  reports {
    port     = 9155
    interval = "1s"
    #token_file = "report.token"
  }

  mode         = "fullnat"
  sources      = ["10.0.0.1"] # default: the address of the interface towards them
  source_ports = "20000-32767"

  # Besides Consul's own checks.
  #check "https" { path = "/", host = "api.example.org", ca_file = "api-ca.pem", insecure = false }
}

# DNS over IPv6.
vip "dns" {
  address  = "2001:db8::53"
  ports    = [53]
  protocol = "udp"
  servers  = ["2001:db8:1::11", "[2001:db8:1::12]:5353"]
  check "dns" { query = "example.org" }
  persistence { timeout = "1m", prefix6 = 56 }
}

# Anything a program can check: exit status 0 is alive.
#vip "mail" {
#  address = "192.0.2.102"
#  ports   = [25]
#  servers = ["10.0.0.31", "10.0.0.32"]
#  check "exec" { program = "/etc/ballast/checks/smtp", interval = "5s" }
#}
