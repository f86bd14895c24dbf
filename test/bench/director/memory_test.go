//go:build linux

package main

import "testing"

func TestMemoryRow(t *testing.T) {
	row := memoryRow(1000, true, map[string]int64{"conns": 128_000, "flows": 224_000, "released": 4000, "openings": 32_000, "vips": 612_000})
	const note = "conns 128, flows 224, released 4, openings 32; all maps 1 MB"
	if row.Value.Median != 388 || row.Note != note || row.Subject != "1000 connections, the default" {
		t.Errorf("%v bytes, %q, %q; want 388, %q", row.Value.Median, row.Note, row.Subject, note)
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
