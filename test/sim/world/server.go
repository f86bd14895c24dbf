package world

// server works on hits one after another.
type server struct {
	capacity float64 // hits a second
	nominal  float64 // what it is configured as
	free     float64 // when it has done all it was given
	work     float64 // seconds of work that it was given
	sampled  float64 // seconds it was busy until the last sample
	sessions int     // that are with it now: each keeps a connection
}

// give adds work that takes so many hits, and returns when it is done.
func (s *server) give(now, hits float64) float64 {
	t := hits / s.capacity
	s.free = max(s.free, now) + t
	s.work += t
	return s.free
}

// busy is the time for which it has worked until now.
func (s *server) busy(now float64) float64 { return s.work - max(0, s.free-now) }

// utilisation is the part of the last window in which it was busy.
func (s *server) utilisation(now float64) float64 {
	b := s.busy(now)
	u := (b - s.sampled) / Window
	s.sampled = b
	return u
}
