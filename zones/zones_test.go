package zones

import (
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/miekg/dns"

	"github.com/ballast-lb/ballast/internal/pool"
)

func TestExampleZones(t *testing.T) {
	for _, tt := range []struct {
		file, origin, lb string
		records          int
	}{
		{"example.org.zone", "example.org", "srv _http._tcp.example.org. policy=weighted answers=2 min-ttl=2 " +
			"check=http:/healthz every=1s timeout=500ms rise=2 fall=2", 15},
		{"consul.example.org.zone", "Consul.Example.org.", "consul web policy=weighted answers=2 min-ttl=2", 3},
	} {
		t.Run(tt.file, func(t *testing.T) {
			z, problems := Load(tt.file, tt.origin, Settings{Policies: []string{"headroom", "weighted"}})
			if len(problems) > 0 || z == nil {
				t.Fatalf("Problems: %v", problems)
			}
			if len(z.Records) != tt.records || z.SOA == nil {
				t.Errorf("Got %d records and SOA %v, want %d", len(z.Records), z.SOA, tt.records)
			}
			if len(z.LBs) != 1 || z.LBs[0].Name != "www."+z.Origin || z.LBs[0].TTL != 30 || z.LBs[0].LB.String() != tt.lb {
				t.Errorf("Got LBs %v", z.LBs[0].RR())
			}
		})
	}
}

func TestExampleMembers(t *testing.T) {
	z, problems := Load("example.org.zone", "example.org", Settings{})
	if z == nil {
		t.Fatal(Join(problems))
	}
	want := []pool.Server{
		{ID: "web1.example.org:8081", Host: "web1.example.org.", Addrs: addrs("127.0.0.11"), Port: 8081, Tier: 10, Capacity: 4},
		{ID: "web2.example.org:8081", Host: "web2.example.org.", Addrs: addrs("127.0.0.12"), Port: 8081, Tier: 10, Capacity: 2},
		{ID: "web3.example.org:8081", Host: "web3.example.org.", Addrs: addrs("127.0.0.13"), Port: 8081, Tier: 10, Capacity: 1},
	}
	got := &pool.Pool{Servers: z.Members(&z.LBs[0])}
	if !got.Equal(&pool.Pool{Servers: want}) {
		t.Errorf("Got %+v", got.Servers)
	}
}

func addrs(texts ...string) []netip.Addr {
	var out []netip.Addr
	for _, text := range texts {
		out = append(out, netip.MustParseAddr(text))
	}
	return out
}

func TestMembers(t *testing.T) {
	for _, tt := range []struct {
		name, text string
		want       []pool.Server
	}{
		{"both families, sorted by id", `www LB srv _a._tcp
_a._tcp SRV 0 3 81 B
_a._tcp SRV 0 2 80 a
b AAAA 2001:db8::2
b A 192.0.2.2
b A 192.0.2.3
a AAAA 2001:db8::1`, []pool.Server{
			{ID: "a.example.org:80", Host: "a.example.org.", Addrs: addrs("2001:db8::1"), Port: 80, Capacity: 2},
			{ID: "b.example.org:81", Host: "B.example.org.", Addrs: addrs("192.0.2.2", "192.0.2.3", "2001:db8::2"), Port: 81, Capacity: 3},
		}},
		{"weight 0 among others takes nothing", "www LB srv a\na SRV 0 0 80 ns1\na SRV 0 1 81 ns1", []pool.Server{
			{ID: "ns1.example.org:80", Host: "ns1.example.org.", Addrs: addrs("192.0.2.53"), Port: 80},
			{ID: "ns1.example.org:81", Host: "ns1.example.org.", Addrs: addrs("192.0.2.53"), Port: 81, Capacity: 1},
		}},
		{"a tier of weights 0 is spread evenly", "www LB srv a\na SRV 1 0 80 ns1\na SRV 1 0 81 ns1\na SRV 2 7 82 ns1", []pool.Server{
			{ID: "ns1.example.org:80", Host: "ns1.example.org.", Addrs: addrs("192.0.2.53"), Port: 80, Tier: 1, Capacity: 1},
			{ID: "ns1.example.org:81", Host: "ns1.example.org.", Addrs: addrs("192.0.2.53"), Port: 81, Tier: 1, Capacity: 1},
			{ID: "ns1.example.org:82", Host: "ns1.example.org.", Addrs: addrs("192.0.2.53"), Port: 82, Tier: 2, Capacity: 7},
		}},
		{"target below a wildcard", "www LB srv a\na SRV 1 1 80 any.w\n*.w A 192.0.2.9", []pool.Server{
			{ID: "any.w.example.org:80", Host: "any.w.example.org.", Addrs: addrs("192.0.2.9"), Port: 80, Tier: 1, Capacity: 1},
		}},
		{"consul has none here", "www LB consul web", nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			z, problems := parseText(tt.text)
			if z == nil {
				t.Fatal(Join(problems))
			}
			bare := *z
			bare.index = nil // as made by hand
			for _, z := range []*Zone{z, &bare} {
				got := &pool.Pool{Servers: z.Members(&z.LBs[0])}
				if !got.Equal(&pool.Pool{Servers: tt.want}) {
					t.Errorf("Got  %+v\nwant %+v", got.Servers, tt.want)
				}
			}
		})
	}
}

// Each testdata/invalid-NAME.zone has all its mistakes reported, in the order
// of the lines, as testdata/invalid-NAME.want lists them.
func TestInvalidZones(t *testing.T) {
	paths, err := filepath.Glob("testdata/invalid-*.zone")
	if err != nil || len(paths) < 3 {
		t.Fatalf("Found %v, %v", paths, err)
	}
	for _, path := range paths {
		t.Run(filepath.Base(path), func(t *testing.T) {
			want, err := os.ReadFile(strings.TrimSuffix(path, ".zone") + ".want")
			if err != nil {
				t.Fatal(err)
			}
			z, problems := Load(path, "example.org", testSettingsOnDisk())
			var got strings.Builder
			for _, p := range problems {
				text := p.Error() + "\n"
				if p.Severity == Warning {
					text = strings.Replace(text, ": ", ": warning: ", 1)
				}
				got.WriteString(text)
			}
			if got.String() != string(want) || z != nil {
				t.Errorf("Got zone %v and\n%s\nwant\n%s", z, &got, want)
			}
		})
	}
}

func testSettingsOnDisk() Settings {
	s := testSettings()
	s.Open = nil
	return s
}

// A valid zone has the same records as dns.ZoneParser finds in the whole file.
func TestAgainstMiekg(t *testing.T) {
	const path = "testdata/valid.zone"
	z, problems := Load(path, "example.org", Settings{})
	if z == nil || len(problems) > 0 {
		t.Fatalf("Problems: %v", problems)
	}
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var want []string
	zp := dns.NewZoneParser(f, "example.org.", path)
	for rr, ok := zp.Next(); ok; rr, ok = zp.Next() {
		if strings.HasPrefix(rr.Header().Name, "host0") {
			rr.Header().Ttl = 5400 // $GENERATE of miekg/dns knows no $TTL
		}
		want = append(want, wire(t, rr))
	}
	if zp.Err() != nil {
		t.Fatal(zp.Err())
	}
	if got := wires(t, z); !slices.Equal(got, want) {
		t.Errorf("Got %d records, want %d:\n%q\n%q", len(got), len(want), got, want)
	}
}
