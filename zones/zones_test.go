package zones

import "testing"

func TestExampleZones(t *testing.T) {
	for _, tt := range []struct {
		file, origin string
		records, lbs int
	}{
		{"example.org.zone", "example.org", 15, 1},
		{"consul.example.org.zone", "consul.example.org.", 3, 1},
	} {
		t.Run(tt.file, func(t *testing.T) {
			z, problems := Load(tt.file, tt.origin, Settings{Policies: []string{"headroom", "wrr"}})
			for _, p := range problems {
				t.Errorf("Unexpected problem: %v", p)
			}
			if z == nil {
				t.Fatal("No zone")
			}
			if len(z.Records) != tt.records || len(z.LBs) != tt.lbs {
				t.Errorf("Got %d records and %d LBs, want %d and %d", len(z.Records), len(z.LBs), tt.records, tt.lbs)
			}
			for _, r := range z.LBs {
				t.Log(r.RR(), z.Members(&r))
			}
		})
	}
}
