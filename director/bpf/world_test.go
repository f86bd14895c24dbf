package bpf_test

import (
	"bytes"
	"fmt"
	"net/netip"
	"os"
	"testing"

	"github.com/ballast-lb/ballast/director/bpf"
	"github.com/ballast-lb/ballast/director/bpf/bpftest"
)

// shared is the datapath of all tests that do not load one of their own.
var shared bpftest.Shared

func TestMain(m *testing.M) {
	code := m.Run()
	shared.Close()
	os.Exit(code)
}

// Reasons by short names.
const (
	passNotIP     = bpf.DirectorReasonREASON_PASS_NOT_IP
	passOther     = bpf.DirectorReasonREASON_PASS_OTHER
	passExtension = bpf.DirectorReasonREASON_PASS_EXTENSION
	passHost      = bpf.DirectorReasonREASON_PASS_HOST

	forwardIn       = bpf.DirectorReasonREASON_FORWARD_IN
	forwardOut      = bpf.DirectorReasonREASON_FORWARD_OUT
	forwardNew      = bpf.DirectorReasonREASON_FORWARD_NEW
	forwardSticky   = bpf.DirectorReasonREASON_FORWARD_STICKY
	forwardRepeated = bpf.DirectorReasonREASON_FORWARD_REPEATED
	forwardICMPIn   = bpf.DirectorReasonREASON_FORWARD_ICMP_IN
	forwardICMPOut  = bpf.DirectorReasonREASON_FORWARD_ICMP_OUT

	retrySilent      = bpf.DirectorReasonREASON_RETRY_SILENT
	retryReset       = bpf.DirectorReasonREASON_RETRY_RESET
	retryUnreachable = bpf.DirectorReasonREASON_RETRY_UNREACHABLE
	moved            = bpf.DirectorReasonREASON_MOVED

	resetDead     = bpf.DirectorReasonREASON_RESET_DEAD
	resetNoServer = bpf.DirectorReasonREASON_RESET_NO_SERVER
	resetNoConn   = bpf.DirectorReasonREASON_RESET_NO_CONN
	resetLate     = bpf.DirectorReasonREASON_RESET_LATE

	dropMalformed = bpf.DirectorReasonREASON_DROP_MALFORMED
	dropFragment  = bpf.DirectorReasonREASON_DROP_FRAGMENT
	dropTTL       = bpf.DirectorReasonREASON_DROP_TTL
	dropTooBig    = bpf.DirectorReasonREASON_DROP_TOO_BIG
	dropNoServer  = bpf.DirectorReasonREASON_DROP_NO_SERVER
	dropNoConn    = bpf.DirectorReasonREASON_DROP_NO_CONN
	dropLate      = bpf.DirectorReasonREASON_DROP_LATE
	dropFull      = bpf.DirectorReasonREASON_DROP_FULL
	dropNoPort    = bpf.DirectorReasonREASON_DROP_NO_PORT
	dropCollision = bpf.DirectorReasonREASON_DROP_COLLISION
	dropSide      = bpf.DirectorReasonREASON_DROP_SIDE
	dropBusy      = bpf.DirectorReasonREASON_DROP_BUSY
	dropFailed    = bpf.DirectorReasonREASON_DROP_FAILED
)

const (
	fin = bpftest.FIN
	syn = bpftest.SYN
	rst = bpftest.RST
	psh = bpftest.PSH
	ack = bpftest.ACK
)

// The services of a world. None is 0, nor are real ids, so that an id that was
// never written shows.
const (
	web  = 1 // TCP, vip:80 and vip:81 to port 8080
	dns  = 2 // UDP, vip:53 to port 5353
	full = 3 // TCP and UDP, vip:443 to port 8443, by fullnat
)

// retry is the services' time until a repeated SYN goes elsewhere, in ticks: so
// long that no test reaches it by being slow.
const retry = 60_000

// family is one address family of the cases, which are the same for both.
type family struct {
	name                    string
	client, other, vip      netip.Addr // other is another client
	stranger, source, route netip.Addr // source is fullnat's, route a router on the way
	servers                 []netip.Addr
}

func families() []family {
	return []family{
		familyOf("IPv4", "192.0.2.10", "192.0.2.77", "198.51.100.1", "203.0.113.9", "10.0.0.254", "203.0.113.1",
			"10.0.0.1", "10.0.0.2", "10.0.0.3"),
		familyOf("IPv6", "2001:db8:1::10", "2001:db8:1::77", "2001:db8:2::1", "2001:db8:9::9", "2001:db8:3::fe", "2001:db8:9::1",
			"2001:db8:3::1", "2001:db8:3::2", "2001:db8:3::3"),
	}
}

func familyOf(name string, s ...string) family {
	var a []netip.Addr
	for _, addr := range s {
		a = append(a, netip.MustParseAddr(addr))
	}
	return family{name, a[0], a[1], a[2], a[3], a[4], a[5], a[6:]}
}

// world is a datapath with the three services, and servers with ids from 11,
// 21 and 31 behind them.
type world struct {
	testing.TB
	*bpftest.Datapath
	family
}

// eachFamily runs a test in both families, each in an empty world.
func eachFamily(t *testing.T, d *bpftest.Datapath, test func(w *world)) {
	t.Helper()
	for _, f := range families() {
		t.Run(f.name, func(t *testing.T) { test(newWorld(t, d, f)) })
	}
}

func newWorld(tb testing.TB, d *bpftest.Datapath, f family) *world {
	d.Reset(tb)
	w := &world{tb, d, f}
	w.service(web, 8080, bpf.Service{}, bpftest.VIP(w.at(80), bpftest.TCP), bpftest.VIP(w.at(81), bpftest.TCP))
	w.service(dns, 5353, bpf.Service{}, bpftest.VIP(w.at(53), bpftest.UDP))
	w.service(full, 8443, bpf.Service{Mode: uint8(bpf.DirectorModeMODE_FULLNAT), LportMin: 20000, LportMax: 29999},
		bpftest.VIP(w.at(443), bpftest.TCP), bpftest.VIP(w.at(443), bpftest.UDP))
	bpftest.Put(tb, d.Vips, bpf.VIP{Addr: bpftest.Address(f.vip)}, uint32(web))
	return w
}

// service writes a round robin over all servers, each at port.
func (w *world) service(id uint32, port uint16, s bpf.Service, vips ...bpf.VIP) {
	w.Helper()
	s.Scheduler = uint8(bpf.DirectorSchedulerSCHED_RR)
	s.Retry, s.Silence, s.Tries, s.Seed = retry, retry, 8, 42
	var ids []uint32
	for i := range w.servers {
		ids = append(ids, w.real(id, i))
		bpftest.Put(w.TB, w.Reals, w.real(id, i), bpf.Real{
			Addr: bpftest.Address(w.servers[i]), Nexthop: bpftest.Address(w.servers[i]), Source: bpftest.Address(w.source),
			NexthopFamily: w.ipVersion(), Ifindex: 1, Weight: 256, Generation: 7, Service: id,
			Port: bpftest.Port(port), State: uint8(bpf.DirectorRealStateREAL_UP),
		})
	}
	w.AddService(w.TB, id, s, ids, nil, vips...)
}

func (w *world) real(service uint32, server int) uint32 { return service*10 + 1 + uint32(server) }

func (w *world) ipVersion() uint8 {
	if w.vip.Is4() {
		return 4
	}
	return 6
}

// edit changes a server of a service.
func (w *world) edit(service uint32, server int, change func(*bpf.Real)) {
	w.Helper()
	bpftest.Edit(w.TB, w.Reals, w.real(service, server), change)
}

// only leaves a service one server that may take new connections.
func (w *world) only(service uint32, server int) {
	w.Helper()
	for i := range w.servers {
		if i != server {
			w.edit(service, i, func(r *bpf.Real) { r.Weight = 0 })
		}
	}
}

func (w *world) at(port uint16) netip.AddrPort   { return netip.AddrPortFrom(w.vip, port) }
func (w *world) from(port uint16) netip.AddrPort { return netip.AddrPortFrom(w.client, port) }

// want is what shall become of one packet.
type want struct {
	reason  bpf.Reason
	service int // or bpftest.NoService
	verdict int
	packet  *bpftest.Packet // nil: not looked at
	same    bool            // not a byte changed
	reals   map[uint32]bpftest.Change
}

// send gives a packet to the program and compares everything that it did:
// verdict, bytes and checksums, and exactly one reason.
func (w *world) send(p bpftest.Packet, want want) bpftest.Result {
	w.Helper()
	return w.sendFrame(p.Bytes(), want)
}

func (w *world) sendFrame(frame []byte, want want) bpftest.Result {
	w.Helper()
	r := w.Run(w.TB, frame)
	counted := r.Reasons[bpftest.Counter{Service: want.service, Reason: want.reason}]
	if counted != 1 || len(r.Reasons) != 1 || r.Verdict != want.verdict {
		w.Fatalf("verdict %d and counted %s;\nwant verdict %d and 1 %s of service %d\n%s", r.Verdict, r.Counted(),
			want.verdict, w.ReasonName(want.reason), want.service, describe(frame))
	}
	if want.same && !bytes.Equal(r.Packet, frame) {
		w.Fatalf("changed a packet that it passed:\n%x\nwas\n%x", r.Packet, frame)
	}
	if want.packet != nil {
		w.same(r.Packet, *want.packet)
	}
	if want.reals != nil {
		w.counted(r, want.reals)
	}
	return r
}

// same compares a frame with a description, byte by byte.
func (w *world) same(got []byte, want bpftest.Packet) {
	w.Helper()
	if err := bpftest.Check(got); err != nil {
		w.Errorf("sent a wrong packet: %v", err)
	}
	if !bytes.Equal(got, want.Bytes()) {
		w.Fatalf("sent\n%s\nwant\n%s", describe(got), describe(want.Bytes()))
	}
}

// counted compares the changes of all real servers.
func (w *world) counted(got bpftest.Result, want map[uint32]bpftest.Change) {
	w.Helper()
	wanted := bpftest.Result{Reals: want}
	if got.Touched() != wanted.Touched() {
		w.Errorf("counted\n%s\nwant\n%s", got.Touched(), wanted.Touched())
	}
}

func describe(frame []byte) string {
	p, err := bpftest.Parse(frame)
	if err != nil {
		return fmt.Sprintf("(%v) %x", err, frame)
	}
	return fmt.Sprintf("%v\n%x", p, frame)
}

// The four outcomes.

func (w *world) passes(p bpftest.Packet, service int, reason bpf.Reason) {
	w.Helper()
	w.send(p, want{reason: reason, service: service, verdict: bpftest.Next, same: true})
}

func (w *world) drops(p bpftest.Packet, service int, reason bpf.Reason) bpftest.Result {
	w.Helper()
	return w.send(p, want{reason: reason, service: service, verdict: bpftest.Shot})
}

func (w *world) forwards(p, out bpftest.Packet, service int, reason bpf.Reason) bpftest.Result {
	w.Helper()
	return w.send(p, want{reason: reason, service: service, verdict: bpftest.Redirect, packet: &out})
}
