package ballast

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ballast-lb/ballast/internal/control"
	"github.com/ballast-lb/ballast/internal/programs"

	"github.com/miekg/dns"
)

func TestNextSerial(t *testing.T) {
	const last = 1<<32 - 1
	for _, tc := range []struct {
		name       string
		was        numbering
		file       uint32
		sum        byte
		want       uint32
		wantBehind bool // the file is behind
	}{
		{"a new zone has its file's", numbering{}, 7, 1, 7, false},
		{"also if that is 0", numbering{}, 0, 1, 0, false},
		{"nothing changed", numbering{Zone: "z", Serial: 7, File: 7, Sum: sum{1}}, 7, 1, 7, false},
		{"pools changed", numbering{Zone: "z", Serial: 7, File: 7, Sum: sum{1}}, 7, 2, 8, true},
		{"and once more", numbering{Zone: "z", Serial: 8, File: 7, Sum: sum{1}}, 7, 2, 9, true},
		{"the file was raised above", numbering{Zone: "z", Serial: 9, File: 7, Sum: sum{1}}, 20, 2, 20, false},
		{"the file was raised, but not above", numbering{Zone: "z", Serial: 9, File: 7, Sum: sum{1}}, 8, 2, 10, true},
		{"the file was raised to it", numbering{Zone: "z", Serial: 9, File: 7, Sum: sum{1}}, 9, 2, 10, true},
		{"the file went back", numbering{Zone: "z", Serial: 9, File: 7, Sum: sum{1}}, 3, 1, 9, true},
		{"the end of the numbers", numbering{Zone: "z", Serial: last, File: last, Sum: sum{1}}, last, 2, 1, true},
		{"beyond it", numbering{Zone: "z", Serial: last, File: last, Sum: sum{1}}, 5, 2, 5, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got := tc.was.next(tc.file, sum{tc.sum})
			if got.Serial != tc.want || got.File != tc.file || got.Sum != (sum{tc.sum}) || (got.Serial != got.File) != tc.wantBehind {
				t.Errorf("Next is %+v, want serial %d", got, tc.want)
			}
		})
	}
}

func TestSerialsFile(t *testing.T) {
	var file string
	var trouble error
	replace := func(_ string, write func(io.Writer) error) (int64, error) {
		if trouble != nil {
			return 0, trouble
		}
		var b strings.Builder
		err := write(&b)
		file = b.String()
		return 0, err
	}
	now := time.Now()
	var s serials
	one := numbering{Zone: "example.org.", Serial: 9, File: 7, Sum: sum{1, 2, 3}}
	two := numbering{Zone: "example.org.", Nth: 1, Serial: 4, File: 4}
	s.set(replace, placeOf(one.Zone, 0), one, now)
	s.set(replace, placeOf(two.Zone, 1), two, now)
	var read serials
	if err := read.read(strings.NewReader(file)); err != nil || read.of(placeOf("example.org.", 0)) != one || read.of(placeOf("example.org.", 1)) != two {
		t.Fatalf("Of %s is read %v: %v", file, read.known, err)
	}
	if unknown := read.of(placeOf("example.net.", 0)); unknown.Zone != "" {
		t.Errorf("An unknown zone has %+v", unknown)
	}

	trouble = errors.New("disk full")
	one.Serial++
	s.set(replace, placeOf(one.Zone, 0), one, now)
	if err := s.keep(replace, now.Add(time.Second), false, false); !errors.Is(err, trouble) {
		t.Errorf("The trouble is kept to itself: %v", err)
	}
	trouble = nil
	if err := s.keep(replace, now.Add(keepRetry), false, false); err != nil || !strings.Contains(file, `"serial":10`) {
		t.Errorf("It is not tried again: %v\n%s", err, file)
	}
	for _, when := range []struct{ lost, last bool }{{true, false}, {false, true}} {
		file = ""
		if err := s.keep(replace, now, when.lost, when.last); err != nil || !strings.Contains(file, `"serial":10`) {
			t.Errorf("%+v, and it is not written again: %v\n%s", when, err, file)
		}
	}
	for _, broken := range []string{file[:len(file)-2], strings.Replace(file, `"zone":"example.org."`, `"zone":""`, 1), strings.Replace(file, `"serial":10`, `"serial":-1`, 1)} {
		if err := new(serials).read(strings.NewReader(broken)); err == nil {
			t.Errorf("This is read:\n%s", broken)
		}
	}
}

// serial is the zone's, which all answers agree on.
func (s *server) serial() uint32 {
	s.t.Helper()
	soa := s.ask("example.org.", dns.TypeSOA).Answer[0].(*dns.SOA)
	for _, m := range []*dns.Msg{s.ask("nowhere.example.org.", dns.TypeA), s.ask("www.example.org.", dns.TypeTXT)} {
		// Between two questions it may have moved on.
		if now := s.ask("example.org.", dns.TypeSOA).Answer[0].(*dns.SOA).Serial; m.Ns[0].(*dns.SOA).Serial != soa.Serial && now == soa.Serial {
			s.t.Errorf("The serial is %d, but in\n%v", soa.Serial, m)
		}
	}
	return soa.Serial
}

func (s *server) drain(server string, on bool) {
	s.t.Helper()
	var err error
	o := &operator{hub: s.hub()}
	if on {
		_, err = o.SetOverride(context.Background(), control.Override{Server: server, Drain: true})
	} else {
		_, err = o.ClearOverride(context.Background(), server, "")
	}
	if err != nil {
		s.t.Fatal(err)
	}
}

// What secondaries get moves with the pools: its serial, in all answers, and
// what is transferred under it.
func TestSerialMovesWithPools(t *testing.T) {
	t.Parallel() // it mostly waits
	other := newSecondary(t)
	dir := stateful(t, webPool)
	body := "transfer {\nto * " + other.addr + "\n}\n" + keepsState
	s := serve(t, dir, body)
	www := func() string { return strings.Join(at(s.transferred(), "www.example.org."), " ") }
	const all, two = "192.0.2.1 192.0.2.2 192.0.2.3 2001:db8::1", "192.0.2.1 192.0.2.2 2001:db8::1"
	other.told(t, 5*time.Second, 0)
	if got := s.serial(); got != 1 || www() != all {
		t.Errorf("At first the serial is %d, and www %s", got, www())
	}

	o := &operator{hub: s.hub()}
	o.SetOverride(context.Background(), control.Override{Server: "web1*", Factor: 0.5})
	s.drain("web3*", true)
	if s.serial() == 1 && www() != all {
		t.Errorf("Under the same serial www is transferred as %s", www())
	}
	until(t, "the serial moves", 5*time.Second, func() bool { return s.serial() == 2 })
	moved := time.Now()
	other.told(t, 5*time.Second, 1)
	if got := www(); got != two {
		t.Errorf("With web3 drained www is transferred as %s", got)
	}
	if got := at(s.transferred(), "web3.example.org."); len(got) != 1 {
		t.Errorf("The host itself is transferred as %v, but its own name is not steered", got)
	}
	if status := statusOf(t, dir).Zones[0]; status.Serial != 2 || status.InFile != 1 {
		t.Errorf("Status has serials %d and %d", status.Serial, status.InFile)
	}

	// A restart forgets no serial, and a reload neither.
	if err := s.restart(dir, body); err != nil {
		t.Fatal(err)
	}
	if got := s.serial(); got != 2 || www() != two {
		t.Errorf("After a reload the serial is %d, and www %s", got, www())
	}
	s.drain("web3*", false)
	time.Sleep(editionSettle + 500*time.Millisecond) // longer than a first change takes
	if took := time.Since(moved); s.serial() != 2 && took < editionPause {
		t.Errorf("The second change came after %v", took)
	}
	other.quiet(t)
	until(t, "the serial moves again", editionPause+5*time.Second, func() bool { return s.serial() == 3 })
	other.told(t, 5*time.Second, 2)
	if got := www(); got != all {
		t.Errorf("With all back www is transferred as %s", got)
	}
	s.stop()
	s = serve(t, dir, body)
	if got := s.serial(); got != 3 || www() != all {
		t.Errorf("After a restart the serial is %d, and www %s", got, www())
	}

	// The file's serial is one that it must not fall behind.
	zone, err := os.ReadFile(filepath.Join(dir, "zone"))
	if err != nil {
		t.Fatal(err)
	}
	for _, change := range []struct {
		name   string
		serial int
		record string
		want   uint32
	}{
		{"a change, and the serial not raised", 1, "a IN A 192.0.2.100\n", 4},
		{"raised, but not above what is served", 2, "b IN A 192.0.2.101\n", 5},
		{"raised above", 100, "c IN A 192.0.2.102\n", 100},
		{"nothing but the serial", 200, "c IN A 192.0.2.102\n", 200},
		{"nothing at all", 200, "c IN A 192.0.2.102 ; the same\n", 200},
		{"set back", 150, "c IN A 192.0.2.102\n", 200},
	} {
		s.stop()
		text := strings.Replace(string(zone), "hostmaster 1 ", fmt.Sprintf("hostmaster %d ", change.serial), 1) + change.record
		os.WriteFile(filepath.Join(dir, "zone"), []byte(text), 0o600)
		s = serve(t, dir, body)
		name, _, _ := strings.Cut(change.record, " ")
		if got := s.serial(); got != change.want || len(at(s.transferred(), name+".example.org.")) != 1 {
			t.Errorf("%s: the serial is %d, want %d", change.name, got, change.want)
		}
	}
}

func TestWithoutStateSomebodyIsWarned(t *testing.T) {
	for _, tc := range []struct{ name, records, body string }{
		{"LB names", webPool, allowTransfers},
		{"without transfer", webPool, "ballast DIR/zone {\nreload 0\n}"},
		{"without LB names", "", allowTransfers},
		{"with state", webPool, strings.Replace(allowTransfers, "reload", "state DIR/state\nreload", 1)},
	} {
		t.Run(tc.name, func(t *testing.T) {
			dir := stateful(t, tc.records)
			j := logged(t)
			s := serve(t, dir, tc.body)
			if err := s.restart(dir, tc.body); err != nil {
				t.Fatal(err)
			}
			want := 0
			if tc.name == "LB names" {
				want = 1
			}
			if n := strings.Count(j.String(), "add 'state DIR'"); n != want {
				t.Errorf("It is logged %d times, want %d:\n%s", n, want, j)
			}
		})
	}
}

// Secondaries keep what they have rather than learn that a name has no servers
// because Consul is away.
func TestNoTransferBeforePoolsAreKnown(t *testing.T) {
	dir := t.TempDir()
	writeZone(t, dir, "zone", "www 60 IN LB consul web\n")
	s := serve(t, dir, fmt.Sprintf("transfer {\nto *\n}\nballast DIR/zone {\nreload 0\nstartup_timeout 10ms\nconsul 127.0.0.1:%d\n}", closedPort(t)))
	if m := s.askOver("tcp", "example.org.", dns.TypeAXFR); m.Rcode != dns.RcodeServerFailure {
		t.Errorf("A transfer is answered\n%v", m)
	}
	z := s.hub().allZones()[0]
	z.mu.Lock()
	z.edit(time.Now().Add(editionPatience))
	z.mu.Unlock()
	if rrs := s.transferred(); len(rrs) != 4 || s.serial() != 1 {
		t.Errorf("After a minute %v is transferred", rrs)
	}
}

// A pool from Consul is transferred with the names that its answers have.
func TestTransferOfConsulsPool(t *testing.T) {
	c := consuls.Get(t)
	for i, address := range []string{"192.0.2.1", "192.0.2.2"} {
		register(t, c, instance{ID: fmt.Sprintf("shop-%d", i+1), Name: "shop", Address: address, Port: 8000 + i})
		t.Cleanup(func() { deregister(t, c, fmt.Sprintf("shop-%d", i+1)) })
	}
	dir := t.TempDir()
	writeZone(t, dir, "zone", "www 60 IN LB consul shop min-ttl=5\n*.wild 60 IN LB consul shop\nnode-shop-2.www IN TXT taken\n")
	s := serve(t, dir, "transfer {\nto *\n}\nballast DIR/zone {\nreload 0\nconsul "+c.Addr+"\n}")
	var got []string
	for _, line := range texts(s.transferred()) {
		if strings.Contains(line, "www") || strings.Contains(line, "wild") {
			got = append(got, strings.ReplaceAll(line, ".example.org.", ""))
		}
	}
	slices.Sort(got)
	want := []string{
		"*.wild A 192.0.2.1", "*.wild A 192.0.2.2",
		"_8000._tcp.www SRV 0 1000 8000 node-shop-1.www", "_8001._tcp.www SRV 0 1000 8001 node-shop-2.www",
		"_shop._tcp.www SRV 0 1000 8000 node-shop-1.www", "_shop._tcp.www SRV 0 1000 8001 node-shop-2.www",
		"node-shop-1.www A 192.0.2.1", "node-shop-2.www TXT \"taken\"",
		"www A 192.0.2.1", "www A 192.0.2.2",
		"www SRV 0 1000 8000 node-shop-1.www", "www SRV 0 1000 8001 node-shop-2.www",
	}
	if !slices.Equal(got, want) {
		t.Errorf("Transferred:\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestSignedZoneKeepsItsSerial(t *testing.T) {
	dir := t.TempDir()
	_, key := signingKey(t, dir)
	writeZone(t, dir, "plain", "")
	sign := exec.CommandContext(t.Context(), programs.Need(t, "ldns-signzone"), "-o", "example.org", "-f", filepath.Join(dir, "zone"), filepath.Join(dir, "plain"), key)
	if out, err := sign.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	lb := "www.example.org. 60 IN LB srv _http._tcp.example.org. check=none\n_http._tcp.example.org. 60 IN SRV 0 1 80 ns1.example.org.\n_http._tcp.example.org. 60 IN SRV 0 1 81 ns1.example.org.\n"
	zone, err := os.ReadFile(filepath.Join(dir, "zone"))
	if err != nil {
		t.Fatal(err)
	}
	os.WriteFile(filepath.Join(dir, "zone"), append(zone, lb...), 0o600)
	s := serve(t, dir, allowTransfers)
	s.drain("ns1.example.org:80", true)
	until(t, "the transfer without the drained server", 5*time.Second, func() bool {
		return !slices.Contains(texts(s.transferred()), "_80._tcp.www.example.org. SRV 0 1000 80 ns1.example.org.")
	})
	if got := s.serial(); got != 1 {
		t.Errorf("The serial of a signed SOA moved to %d", got)
	}
}
