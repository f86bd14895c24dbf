//go:build linux

package main

import "testing"

func TestWeight(t *testing.T) {
	w := weight{connections: 1000, maps: map[string]int64{"conns": 128_000, "index": 224_000, "released": 4000, "vips": 644_000}}
	larger := weight{connections: 2000, maps: map[string]int64{"conns": 256_000, "index": 448_000, "released": 8000, "vips": 644_000}}
	row := w.row("the default", w.growing(larger))
	const note = "index 224, conns 128, released 4; all maps 1 MB"
	if row.Value.Median != 356 || row.Note != note || row.Subject != "1000 connections, the default" {
		t.Errorf("%v bytes, %q, %q; want 356, %q", row.Value.Median, row.Note, row.Subject, note)
	}
}

func TestReadNumbers(t *testing.T) {
	for _, c := range []struct {
		name string
		read func(string) (int64, error)
		text string
		want int64 // 0: an error
	}{
		{"a map's fdinfo", memlock, "pos:\t0\nmap_type:\t2\nmemlock:\t50331648\nmap_id:\t7\n", 50331648},
		{"fdinfo of something else", memlock, "pos:\t0\n", 0},
		{"/proc/meminfo", available, "MemTotal:  24000000 kB\nMemAvailable:  2 kB\n", 2048},
		{"/proc/meminfo of an old kernel", available, "MemTotal:  24000000 kB\n", 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := c.read(c.text)
			if got != c.want || (err == nil) != (c.want != 0) {
				t.Errorf("%d, error %v; want %d", got, err, c.want)
			}
		})
	}
}
