package ballast

import (
	"encoding/binary"
	"errors"
	"io"
	"net"
	"os"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// framed is a query as it is sent over TCP.
func framed(t *testing.T, id uint16, name string, qtype uint16) []byte {
	t.Helper()
	m := new(dns.Msg).SetQuestion(name, qtype)
	m.Id = id
	packet, err := m.Pack()
	if err != nil {
		t.Fatal(err)
	}
	return append(binary.BigEndian.AppendUint16(nil, uint16(len(packet))), packet...)
}

func (s *server) dial(t *testing.T) *net.TCPConn {
	t.Helper()
	conn, err := net.DialTimeout("tcp", s.addr, 3*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(10 * time.Second))
	return conn.(*net.TCPConn)
}

// closedAfter is how long it takes until the server closes a connection that says
// nothing more.
func closedAfter(t *testing.T, conn *net.TCPConn) time.Duration {
	t.Helper()
	began := time.Now()
	_, err := conn.Read(make([]byte, 1))
	if err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatalf("The connection stays open: %v", err)
	}
	return time.Since(began)
}

func TestManyQueriesInOneConnection(t *testing.T) {
	dir := t.TempDir()
	writeZone(t, dir, "zone", zoo)
	s := serve(t, dir, "ballast DIR/zone {\nreload 0\n}")
	conn := s.dial(t)
	names := []string{"www", "any", "nope", "x.sub", "alias"}
	var all []byte
	for id := range 200 {
		all = append(all, framed(t, uint16(id), names[id%len(names)]+".example.org.", dns.TypeA)...)
	}
	go func() { // in pieces, as they may come, and then nothing more (RFC 7766 section 6.2.4)
		for len(all) > 0 {
			n := min(len(all), 333)
			conn.Write(all[:n])
			all = all[n:]
		}
		conn.CloseWrite()
	}()
	seen := map[uint16]bool{}
	for range 200 {
		packet, err := readTCP(conn)
		if err != nil {
			t.Fatalf("After %d replies: %v", len(seen), err)
		}
		m := new(dns.Msg)
		if err := m.Unpack(packet); err != nil {
			t.Fatal(err)
		}
		if seen[m.Id] || m.Question[0].Name != names[int(m.Id)%len(names)]+".example.org." {
			t.Fatalf("Reply %d is\n%v", len(seen), m)
		}
		seen[m.Id] = true
	}
	if _, err := readTCP(conn); !errors.Is(err, io.EOF) {
		t.Errorf("After the last reply: %v", err)
	}
}

func TestConnectionsThatSayNothing(t *testing.T) {
	dir := t.TempDir()
	writeZone(t, dir, "zone", webPool)
	s := serve(t, dir, "timeouts {\nread 1s\nidle 2s\n}\nballast DIR/zone {\nreload 0\n}")
	query := framed(t, 1, "www.example.org.", dns.TypeA)
	t.Run("none at all", func(t *testing.T) {
		t.Parallel()
		if took := closedAfter(t, s.dial(t)); took > 3*time.Second {
			t.Errorf("Closed after %v", took)
		}
	})
	t.Run("half a message", func(t *testing.T) {
		t.Parallel()
		conn := s.dial(t)
		conn.Write(query[:len(query)/2])
		if took := closedAfter(t, conn); took > 3*time.Second {
			t.Errorf("Closed after %v", took)
		}
	})
	t.Run("an octet now and then", func(t *testing.T) {
		t.Parallel()
		conn := s.dial(t)
		began, done := time.Now(), make(chan struct{})
		go func() {
			defer close(done)
			for _, octet := range query {
				if _, err := conn.Write([]byte{octet}); err != nil {
					return
				}
				time.Sleep(300 * time.Millisecond) // slower than the message may take
			}
		}()
		closedAfter(t, conn)
		if took := time.Since(began); took > 3*time.Second {
			t.Errorf("Closed after %v", took)
		}
		conn.Close()
		<-done
	})
	t.Run("nothing after an answer", func(t *testing.T) {
		t.Parallel()
		conn := s.dial(t)
		conn.Write(query)
		if _, err := readTCP(conn); err != nil {
			t.Fatal(err)
		}
		if took := closedAfter(t, conn); took < time.Second || took > 4*time.Second {
			t.Errorf("Closed after %v; idle is 2s", took)
		}
	})
	t.Run("garbage", func(t *testing.T) {
		t.Parallel()
		conn := s.dial(t)
		conn.Write([]byte("GET / HTTP/1.1\r\nHost: example.org\r\n\r\n"))
		closedAfter(t, conn)
	})
	t.Run("hundreds of them do not keep others from being answered", func(t *testing.T) {
		t.Parallel()
		for range 300 {
			s.dial(t)
		}
		conn := s.dial(t)
		conn.Write(query)
		if _, err := readTCP(conn); err != nil {
			t.Errorf("Over TCP: %v", err)
		}
		if m := s.ask("www.example.org.", dns.TypeA); len(m.Answer) != 2 {
			t.Errorf("Over UDP answered\n%v", m)
		}
	})
}

func TestQueriesOfAConnectionCanBeLimited(t *testing.T) {
	dir := t.TempDir()
	writeZone(t, dir, "zone", webPool)
	s := serve(t, dir, "timeouts {\nmaxtcpqueries 3\n}\nballast DIR/zone {\nreload 0\n}")
	conn := s.dial(t)
	for id := range 3 {
		conn.Write(framed(t, uint16(id), "www.example.org.", dns.TypeA))
		if _, err := readTCP(conn); err != nil {
			t.Fatalf("Query %d: %v", id, err)
		}
	}
	closedAfter(t, conn)
}
