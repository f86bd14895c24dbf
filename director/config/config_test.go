package config

import (
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/ballast-lb/ballast/internal/consul"
	"github.com/ballast-lb/ballast/internal/probe"
)

const example = `interfaces = ["d0", "br0"]
control    = "/run/ballast/director.sock"
metrics    = "127.0.0.1:9154"
vip "web" {
  address   = "10.200.0.100"
  ports     = [80, 443]
  protocol  = "tcp"
  scheduler = "wlc"
  mode      = "nat"
  servers   = ["10.201.0.11", "10.201.0.12 weight=2", "10.201.0.13"]   # or: service = "web" with a consul { address = "…" } block
  check "tcp" { interval = "1s" }
  persistence { timeout = "360s", prefix = 24 }      # optional
}
`

var addr = netip.MustParseAddr

func mustParse(t *testing.T, src string) *Config {
	t.Helper()
	c, err := Parse("director.hcl", []byte(src))
	if err != nil {
		t.Fatalf("%v\nin\n%s", err, src)
	}
	return c
}

func expect(t *testing.T, got, want any) {
	t.Helper()
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

// TestExample reads what is written everywhere, and shows every default.
func TestExample(t *testing.T) {
	c := mustParse(t, example)
	vip := c.VIPs[0]
	expect(t, vip.Check, &Check{
		Spec:    probe.Spec{Kind: "tcp"},
		Options: probe.Options{Every: time.Second, Timeout: time.Second, Rise: 2, Fall: 3},
	})
	expect(t, vip.Persistence, &Persistence{Timeout: 6 * time.Minute, Prefix: 24})
	vip.Check, vip.Persistence = nil, nil
	expect(t, vip, VIP{
		Name: "web", Line: 4,
		Address: addr("10.200.0.100"), Ports: []uint16{80, 443}, Protocol: TCP, Scheduler: WeightedLeastConn, Mode: NAT,
		Servers: []Server{
			{Addr: addr("10.201.0.11"), Weight: 1, Line: 10},
			{Addr: addr("10.201.0.12"), Weight: 2, Line: 10},
			{Addr: addr("10.201.0.13"), Weight: 1, Line: 10},
		},
		Quorum: 1, SlowStart: 30 * time.Second, OnFailure: ResetIfSilent, Silence: 3 * time.Second,
		MaxEjected: 50, Eject: Eject{Consecutive: 5, Base: 5 * time.Second},
		SourcePorts: PortRange{20000, 32767}, Announce: true,
	})
	c.VIPs = nil
	expect(t, c, &Config{
		File: "director.hcl", Interfaces: []string{"d0", "br0"},
		Control: "/run/ballast/director.sock", Metrics: "127.0.0.1:9154", State: "/sys/fs/bpf/ballast", Connections: 262144,
		Timeouts: Timeouts{15 * time.Minute, time.Minute, 2 * time.Minute, 10 * time.Second, 5 * time.Minute},
		SYN:      SYN{Retry: 800 * time.Millisecond, Tries: 16},
	})
}

func TestDefaults(t *testing.T) {
	least := mustParse(t, `interfaces = ["eth0"]
vip "a" {
  address = "192.0.2.1"
  ports   = [53]
  servers = ["10.0.0.1"]
}`)
	full := mustParse(t, strings.Replace(example, `  check "tcp" { interval = "1s" }`, "", 1))
	if least.Metrics != "" || least.Control != full.Control || least.State != full.State || least.SYN != full.SYN {
		t.Errorf("defaults %+v", least)
	}
	v := least.VIPs[0]
	if v.Protocol != TCP || v.Scheduler != WeightedLeastConn || v.Mode != NAT || v.Persistence != nil || v.Reports != nil {
		t.Errorf("defaults %+v", v)
	}
	expect(t, v.Check, full.VIPs[0].Check)
	expect(t, v.Check.Options.Every, time.Second)
	if none := mustParse(t, `interfaces = ["eth0"]`); len(none.VIPs) != 0 {
		t.Errorf("VIPs %v of none", none.VIPs)
	}
}

// inVIP puts settings into a VIP with an address and a port, and with Consul
// beside it.
func inVIP(settings string) string {
	return "interfaces = [\"eth0\"]\nconsul { address = \"127.0.0.1:8500\" }\nvip \"a\" {\n" +
		"address = \"192.0.2.1\"\nports = [80]\n" + settings + "\n}\n"
}

func TestVIP(t *testing.T) {
	const servers = `servers = ["10.0.0.1"]` + "\n"
	tcp := func() *Check { return newCheck("tcp") }
	with := func(change func(*Check)) *Check {
		c := newCheck("")
		change(c)
		return c
	}
	for _, c := range []struct {
		name, settings string
		get            func(VIP) any
		want           any
	}{
		{"udp is not checked", `protocol = "udp"` + "\n" + servers, func(v VIP) any { return v.Check }, (*Check)(nil)},
		{"a service is not checked", `service = "web"`, func(v VIP) any { return v.Check }, (*Check)(nil)},
		{"a service may be checked", `service = "web"` + "\n" + `check "tcp" { }`, func(v VIP) any { return v.Check }, tcp()},
		{"tcp may go unchecked", servers + `check "none" { }`, func(v VIP) any { return v.Check }, (*Check)(nil)},
		{"timeout within a short interval", servers + `check "tcp" { interval = "200ms" }`, func(v VIP) any { return v.Check.Options },
			probe.Options{Every: 200 * time.Millisecond, Timeout: 200 * time.Millisecond, Rise: 2, Fall: 3}},
		{"http", servers + `check "http" { port = 8080, path = "/healthz?x=1", host = "www.example.org", interval = "2s", timeout = "500ms", rise = 1, fall = 2 }`,
			func(v VIP) any { return v.Check }, with(func(c *Check) {
				c.Spec = probe.Spec{Kind: "http", Port: 8080, Path: "/healthz?x=1", Host: "www.example.org"}
				c.Options = probe.Options{Every: 2 * time.Second, Timeout: 500 * time.Millisecond, Rise: 1, Fall: 2}
			})},
		{"https", servers + `check "https" { ca_file = "ca.pem", insecure = true }`, func(v VIP) any { return v.Check.Spec },
			probe.Spec{Kind: "https", CAFile: "ca.pem", Insecure: true}},
		{"dns", `protocol = "udp"` + "\n" + servers + `check "dns" { query = "example.org" }`, func(v VIP) any { return v.Check.Spec },
			probe.Spec{Kind: "dns", Query: "example.org"}},
		{"exec", servers + `check "exec" { program = "/etc/checks/web" }`, func(v VIP) any { return v.Check.Spec },
			probe.Spec{Kind: "exec", Exec: "web", ExecDir: "/etc/checks/"}},
		{"icmp", servers + `check "icmp" {}`, func(v VIP) any { return v.Check.Spec }, probe.Spec{Kind: "icmp"}},

		{"a service", `service = "web"`, func(v VIP) any { return v.Service }, &consul.Query{Service: "web"}},
		{"a service with a tag", "service = \"web\"\ntag = \"blue\"\ndatacenter = \"dc2\"", func(v VIP) any { return v.Service },
			&consul.Query{Service: "web", Tags: []string{"blue"}, Datacenter: "dc2"}},
		{"a service with tags", "service = \"web\"\ntag = [\"blue\", \"v2\"]", func(v VIP) any { return v.Service.Tags }, []string{"blue", "v2"}},
		{"a list is no service", servers, func(v VIP) any { return v.Service }, (*consul.Query)(nil)},
		{"registered where Consul is", servers, func(v VIP) any { return v.Register }, true},
		{"not registered", servers + "register = false", func(v VIP) any { return v.Register }, false},
		{"not announced", servers + "announce = false", func(v VIP) any { return v.Announce }, false},

		{"ports and weights of servers", `servers = ["10.0.0.1:8080 weight=65535", "10.0.0.1:8081 weight=0"]`, func(v VIP) any { return v.Servers },
			[]Server{{addr("10.0.0.1"), 8080, 65535, 6}, {addr("10.0.0.1"), 8081, 0, 6}}},
		{"servers on lines", "servers = [\n  \"10.0.0.1\",\n\n  \"10.0.0.2\", # the old one\n]", func(v VIP) any { return v.Servers },
			[]Server{{addr("10.0.0.1"), 0, 1, 7}, {addr("10.0.0.2"), 0, 1, 9}}},
		{"fallback among servers", `servers = ["10.0.0.1", "10.0.0.9:81 fallback weight=3"]`, func(v VIP) any { return v.Fallback },
			[]Server{{addr("10.0.0.9"), 81, 3, 6}}},
		{"fallback apart", servers + `fallback = ["10.0.0.9"]`, func(v VIP) any { return [2]int{len(v.Servers), len(v.Fallback)} }, [2]int{1, 1}},
		{"fallback of a service", "service = \"web\"\n" + `fallback = ["10.0.0.9"]`, func(v VIP) any { return v.Fallback },
			[]Server{{addr("10.0.0.9"), 0, 1, 7}}},
		{"quorum", `servers = ["10.0.0.1", "10.0.0.2"]` + "\nquorum = 2", func(v VIP) any { return v.Quorum }, 2},

		{"persistence as it comes", servers + `persistence { }`, func(v VIP) any { return v.Persistence }, &Persistence{6 * time.Minute, 32}},
		{"reports as they come", servers + `reports { }`, func(v VIP) any { return v.Reports }, &Reports{Port: 9155, Interval: time.Second}},
		{"reports", servers + `reports { port = 9200, interval = "500ms", token_file = "token" }`, func(v VIP) any { return v.Reports },
			&Reports{9200, 500 * time.Millisecond, "token"}},
		{"by load with reports", servers + "scheduler = \"load\"\nreports { }", func(v VIP) any { return v.Scheduler }, ByLoad},
		{"by load from Consul", "service = \"web\"\nscheduler = \"load\"", func(v VIP) any { return v.Scheduler }, ByLoad},
		{"failure", servers + "on_failure = \"reset\"\nsilence = \"10s\"\ndrain_deadline = \"5m\"\nslow_start = \"0s\"\nmax_ejected = 30",
			func(v VIP) any { return [5]any{v.OnFailure, v.Silence, v.DrainDeadline, v.SlowStart, v.MaxEjected} },
			[5]any{Reset, 10 * time.Second, 5 * time.Minute, time.Duration(0), 30}},
		{"eject", servers + `eject { consecutive = 0, base = "1m" }`, func(v VIP) any { return v.Eject }, Eject{0, time.Minute}},
		{"full NAT", servers + "mode = \"fullnat\"\nsources = [\"10.0.0.7\"]\nsource_ports = \"1024-65535\"",
			func(v VIP) any { return [3]any{v.Mode, v.Sources, v.SourcePorts.String()} },
			[3]any{FullNAT, []netip.Addr{addr("10.0.0.7")}, "1024-65535"}},
		{"full NAT as it comes", servers + `mode = "fullnat"`, func(v VIP) any { return v.Sources }, []netip.Addr(nil)},
	} {
		t.Run(c.name, func(t *testing.T) { expect(t, c.get(mustParse(t, inVIP(c.settings)).VIPs[0]), c.want) })
	}
}

func TestIPv6(t *testing.T) {
	const src = `interfaces = ["eth0"]
vip "a" {
  address = "2001:db8::100"
  ports   = [80]
  servers = ["2001:db8:1::1", "[2001:db8:1::2]:8080", "[2001:db8:1::3]"]
  persistence { %s }
}`
	v := mustParse(t, strings.Replace(src, "%s", "", 1)).VIPs[0]
	expect(t, v.Servers, []Server{
		{addr("2001:db8:1::1"), 0, 1, 5}, {addr("2001:db8:1::2"), 8080, 1, 5}, {addr("2001:db8:1::3"), 0, 1, 5},
	})
	expect(t, v.Persistence, &Persistence{6 * time.Minute, 64})
	v = mustParse(t, strings.Replace(src, "%s", `prefix6 = 128, timeout = "1s"`, 1)).VIPs[0]
	expect(t, v.Persistence, &Persistence{time.Second, 128})
}

func TestTop(t *testing.T) {
	c := mustParse(t, `
interfaces   = ["eth0"]
metrics      = "[::]:9154"
metrics_open = true
state        = "/sys/fs/bpf/other"
control      = "/tmp/d.sock"
connections  = 1024
timeouts { established = "5m", opening = "5s", closing = "6s", reset = "7s", udp = "8s" }
syn {
  retry = "1500ms"
  tries = 3
}
consul {
  address     = "https://consul.example.org:8501"
  datacenter  = "dc1"
  token_file  = "consul.token"
  ca_file     = "/etc/ssl/consul.pem"
  cert_file   = "me.pem"
  key_file    = "me.key"
  server_name = "server.dc1.consul"
  insecure    = false
  wait        = "30s"
  max_rate    = 100
}
`)
	expect(t, c, &Config{
		File: "director.hcl", Interfaces: []string{"eth0"}, Metrics: "[::]:9154",
		State: "/sys/fs/bpf/other", Control: "/tmp/d.sock", Connections: 1024,
		Timeouts: Timeouts{5 * time.Minute, 5 * time.Second, 6 * time.Second, 7 * time.Second, 8 * time.Second},
		SYN:      SYN{1500 * time.Millisecond, 3},
		Consul: &consul.Config{
			Address: "https://consul.example.org:8501", Datacenter: "dc1", TokenFile: "consul.token",
			TLS:  consul.TLS{CAFile: "/etc/ssl/consul.pem", CertFile: "me.pem", KeyFile: "me.key", ServerName: "server.dc1.consul"},
			Wait: 30 * time.Second, MaxRate: 100,
		},
	})
}

// TestLoad reads a file and those beside it.
func TestLoad(t *testing.T) {
	dir := t.TempDir()
	put := func(name, content string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	file := put("director.hcl", `interfaces = ["eth0"]
consul { token_file = "consul.token" }
vip "a" {
  address = "192.0.2.1"
  ports   = [80]
  service = "web"
  reports { token_file = "report.token" }
  check "https" { ca_file = "ca.pem" }
}
vip "b" {
  address = "192.0.2.2"
  ports   = [80]
  service = "web"
  check "exec" { program = "checks/web" }
}
`)
	_, err := Load(file)
	for _, want := range []string{
		":2: error: consul: token file: stat " + dir + "/consul.token: no such file",
		`:7: error: token_file cannot be read ("report.token"): open ` + dir + "/report.token",
		":8: error: check https: reading CA file: open " + dir + "/ca.pem",
		":14: error: check exec: directory of programs: lstat " + dir + "/checks",
	} {
		if err == nil || !strings.Contains(err.Error(), file+want) {
			t.Errorf("no %q in\n%v", want, err)
		}
	}
	put("consul.token", "secret\n")
	put("report.token", " \n")
	if _, err = Load(file); err == nil || !strings.Contains(err.Error(), `:7: error: token_file is empty`) || strings.Contains(err.Error(), ":2:") {
		t.Errorf("error %v", err)
	}
	put("report.token", "secret\n")
	plain := put("plain.hcl", `interfaces = ["eth0"]
consul { token_file = "consul.token" }
vip "a" {
  address = "192.0.2.1"
  ports   = [80]
  service = "web"
  reports { token_file = "report.token" }
}
`)
	c, err := Load(plain)
	if err != nil {
		t.Fatal(err)
	}
	expect(t, []string{c.Consul.TokenFile, c.VIPs[0].Reports.TokenFile}, []string{dir + "/consul.token", dir + "/report.token"})

	if _, err := Load(dir + "/nothing.hcl"); err == nil || !strings.Contains(err.Error(), "read configuration: open "+dir+"/nothing.hcl") {
		t.Errorf("error %v for no file", err)
	}
	if _, err := Load(dir); err == nil || !strings.Contains(err.Error(), "is a directory") {
		t.Errorf("error %v for a directory", err)
	}
	if _, err := Load(put("long.hcl", strings.Repeat("#\n", maxSize/2+1))); err == nil || !strings.Contains(err.Error(), "is longer than") {
		t.Errorf("error %v for a long file", err)
	}
}
