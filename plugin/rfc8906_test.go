package ballast

import (
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"slices"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// exchange sends a packet as it is, and returns the reply as it is.
func (s *server) exchange(network string, packet []byte) ([]byte, error) {
	conn, err := net.DialTimeout(network, s.addr, 3*time.Second)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(3 * time.Second))
	if network == "udp" {
		if _, err := conn.Write(packet); err != nil {
			return nil, err
		}
		reply := make([]byte, dns.MaxMsgSize)
		n, err := conn.Read(reply)
		return reply[:n], err
	}
	if _, err := conn.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(packet))), packet...)); err != nil {
		return nil, err
	}
	return readTCP(conn)
}

// readTCP reads one message from a connection.
func readTCP(conn io.Reader) ([]byte, error) {
	var size [2]byte
	if _, err := io.ReadFull(conn, size[:]); err != nil {
		return nil, err
	}
	reply := make([]byte, binary.BigEndian.Uint16(size[:]))
	_, err := io.ReadFull(conn, reply)
	return reply, err
}

// The changes that the probes of RFC 8906 make to a plain query for the SOA.
func withEDNS(version uint8, flags uint16, options ...dns.EDNS0) func(*dns.Msg) {
	return func(m *dns.Msg) {
		m.SetEdns0(4096, false)
		m.IsEdns0().SetVersion(version)
		m.IsEdns0().Hdr.Ttl |= uint32(flags)
		m.IsEdns0().Option = options
	}
}

func header(set func(*dns.MsgHdr)) func(*dns.Msg) { return func(m *dns.Msg) { set(&m.MsgHdr) } }

func qtype(t uint16) func(*dns.Msg) { return func(m *dns.Msg) { m.Question[0].Qtype = t } }

var unknownOption = &dns.EDNS0_LOCAL{Code: 100, Data: []byte{1}}

// definedOptions are those of the last probe: cookie, NSID, expire, subnet.
func definedOptions() []dns.EDNS0 {
	return []dns.EDNS0{
		&dns.EDNS0_COOKIE{Code: dns.EDNS0COOKIE, Cookie: "0123456789abcdef"},
		&dns.EDNS0_NSID{Code: dns.EDNS0NSID},
		&dns.EDNS0_EXPIRE{Code: dns.EDNS0EXPIRE, Empty: true},
		&dns.EDNS0_SUBNET{Code: dns.EDNS0SUBNET, Family: 1, Address: net.IPv4zero.To4()},
	}
}

// wireProbe is one of the queries of RFC 8906 section 8, and what the reply must be.
type wireProbe struct {
	section, name string
	change        []func(*dns.Msg)
	rcode         int // NOERROR is an authoritative answer, anything else is none
	soa           bool
	rd            bool
	edns          bool // the reply has an OPT record
	do            bool
	options       []uint16 // in the reply; none other
	tcpOnly       bool
	known         string // why it is otherwise
}

// rfc8906 is asked of a zone as it is, and of one that the dnssec plugin signs.
var rfc8906 = []wireProbe{
	{section: "8.1.1", name: "the zone is served", soa: true},
	{section: "8.1.2", name: "unknown type", change: []func(*dns.Msg){qtype(1000)}},
	{section: "8.1.3.1", name: "CD", change: []func(*dns.Msg){header(func(h *dns.MsgHdr) { h.CheckingDisabled = true })}, soa: true},
	{section: "8.1.3.2", name: "AD", change: []func(*dns.Msg){header(func(h *dns.MsgHdr) { h.AuthenticatedData = true })}, soa: true},
	{section: "8.1.3.3", name: "the reserved bit", change: []func(*dns.Msg){header(func(h *dns.MsgHdr) { h.Zero = true })}, soa: true},
	{section: "8.1.3.4", name: "RD", change: []func(*dns.Msg){header(func(h *dns.MsgHdr) { h.RecursionDesired = true })}, soa: true, rd: true},
	{section: "8.1.4", name: "unknown opcode", change: []func(*dns.Msg){header(func(h *dns.MsgHdr) { h.Opcode = 15 }), func(m *dns.Msg) { m.Question = nil }},
		rcode: dns.RcodeNotImplemented},
	{section: "8.1.5", name: "TCP", soa: true, tcpOnly: true},
	{section: "8.2.1", name: "EDNS", change: []func(*dns.Msg){withEDNS(0, 0)}, soa: true, edns: true},
	{section: "8.2.2", name: "EDNS version 1", change: []func(*dns.Msg){withEDNS(1, 0)}, rcode: dns.RcodeBadVers, edns: true},
	{section: "8.2.3", name: "unknown option", change: []func(*dns.Msg){withEDNS(0, 0, unknownOption)}, soa: true, edns: true},
	{section: "8.2.4", name: "unknown flag", change: []func(*dns.Msg){withEDNS(0, 0x40)}, soa: true, edns: true},
	{section: "8.2.4", name: "all unknown flags", change: []func(*dns.Msg){withEDNS(0, 0x7FFF)}, soa: true, edns: true},
	{section: "8.2.5", name: "version 1, unknown flag", change: []func(*dns.Msg){withEDNS(1, 0x40)}, rcode: dns.RcodeBadVers, edns: true},
	{section: "8.2.6", name: "version 1, unknown option", change: []func(*dns.Msg){withEDNS(1, 0, unknownOption)}, rcode: dns.RcodeBadVers, edns: true},
	{section: "8.2.8", name: "DO", change: []func(*dns.Msg){withEDNS(0, doBit)}, soa: true, edns: true, do: true},
	{section: "8.2.9", name: "version 1, DO", change: []func(*dns.Msg){withEDNS(1, doBit)}, rcode: dns.RcodeBadVers, edns: true, do: true,
		known: "CoreDNS answers BADVERS before any plugin, and without DO (plugin/pkg/edns)"},
	{section: "8.2.10", name: "defined options", change: []func(*dns.Msg){withEDNS(0, 0, definedOptions()...)}, soa: true, edns: true,
		options: []uint16{dns.EDNS0COOKIE, dns.EDNS0NSID, dns.EDNS0SUBNET}},
	{section: "3.2.7", name: "EDNS over TCP", change: []func(*dns.Msg){withEDNS(0, 0)}, soa: true, edns: true, tcpOnly: true},
}

// shape is what a probe looks at.
type shape struct {
	rcode                       int
	aa, soa, rd, ra, ad, cd, mb bool
	edns, do                    bool
	version                     uint8
	flags                       uint16 // of EDNS, without DO
	options                     []uint16
	counts                      bool // no records where there should be none
}

func shapeOf(packet []byte) (shape, error) {
	m := new(dns.Msg)
	if err := m.Unpack(packet); err != nil {
		return shape{}, err
	}
	s := shape{
		rcode: m.Rcode, aa: m.Authoritative, rd: m.RecursionDesired, ra: m.RecursionAvailable,
		ad: m.AuthenticatedData, cd: m.CheckingDisabled, mb: m.Zero,
	}
	s.soa = slices.ContainsFunc(m.Answer, func(rr dns.RR) bool { return rr.Header().Rrtype == dns.TypeSOA })
	s.counts = s.soa || len(m.Answer) == 0
	if opt := m.IsEdns0(); opt != nil {
		s.edns, s.do, s.version = true, opt.Do(), opt.Version()
		s.flags = uint16(opt.Hdr.Ttl) &^ doBit
		for _, o := range opt.Option {
			s.options = append(s.options, o.Option())
		}
		slices.Sort(s.options)
	}
	return s, nil
}

func (p *wireProbe) want() shape {
	options := slices.Clone(p.options)
	slices.Sort(options)
	return shape{
		rcode: p.rcode, aa: p.rcode == dns.RcodeSuccess, soa: p.soa, rd: p.rd,
		edns: p.edns, do: p.do, options: options, counts: true,
	}
}

// TestRFC8906 asks all that RFC 8906 section 8 asks of a name server.
func TestRFC8906(t *testing.T) {
	dir := t.TempDir()
	writeZone(t, dir, "zone", zoo)
	_, key := signingKey(t, dir)
	for signing, body := range map[string]string{
		"unsigned": "nsid ns1\ncookie\nballast DIR/zone {\nreload 0\n}",
		"signed":   "nsid ns1\ncookie\ndnssec {\nkey file " + key + "\n}\nballast DIR/zone {\nreload 0\n}",
	} {
		s := serve(t, dir, body)
		for _, network := range []string{"udp", "tcp"} {
			for _, p := range rfc8906 {
				if p.tcpOnly && network == "udp" {
					continue
				}
				t.Run(fmt.Sprintf("%s, %s, %s %s", signing, network, p.section, p.name), func(t *testing.T) {
					p.try(t, s, network)
				})
			}
		}
	}
}

// try asks, and compares the reply with what it must be.
func (p *wireProbe) try(t *testing.T, s *server, network string) {
	m := new(dns.Msg).SetQuestion("example.org.", dns.TypeSOA)
	m.RecursionDesired = false
	for _, change := range p.change {
		change(m)
	}
	packet, err := m.Pack()
	if err != nil {
		t.Fatal(err)
	}
	reply, err := s.exchange(network, packet)
	if err != nil {
		t.Fatalf("No reply: %v", err)
	}
	got, err := shapeOf(reply)
	if err != nil {
		t.Fatal(err)
	}
	same := fmt.Sprint(got) == fmt.Sprint(p.want())
	switch {
	case p.known == "" && !same:
		t.Errorf("The reply is\n%+v, not\n%+v", got, p.want())
	case p.known != "" && same:
		t.Errorf("It is as it should be, and no longer otherwise because %s", p.known)
	}
}
