package ballast

// Ready implements ready.Readiness: true once every pool has been seen. A
// source that is lost later does not count, since its last pool stays in use.
func (b *Ballast) Ready() bool {
	for _, z := range b.zones {
		for _, s := range z.data.Load().steers {
			if !s.feed.known() {
				return false
			}
		}
	}
	return true
}
