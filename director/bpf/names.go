package bpf

// reasonNames are the reasons by which packets leave the datapath, as metrics
// and status call them. bpf2go gives the constants, but not their names.
var reasonNames = [DirectorReasonREASON_MAX]string{
	DirectorReasonREASON_NONE:              "none",
	DirectorReasonREASON_PASS_NOT_IP:       "pass_not_ip",
	DirectorReasonREASON_PASS_OTHER:        "pass_other",
	DirectorReasonREASON_PASS_EXTENSION:    "pass_extension",
	DirectorReasonREASON_PASS_HOST:         "pass_host",
	DirectorReasonREASON_FORWARD_IN:        "forward_in",
	DirectorReasonREASON_FORWARD_OUT:       "forward_out",
	DirectorReasonREASON_FORWARD_NEW:       "forward_new",
	DirectorReasonREASON_FORWARD_STICKY:    "forward_sticky",
	DirectorReasonREASON_FORWARD_REPEATED:  "forward_repeated",
	DirectorReasonREASON_FORWARD_ICMP_IN:   "forward_icmp_in",
	DirectorReasonREASON_FORWARD_ICMP_OUT:  "forward_icmp_out",
	DirectorReasonREASON_RETRY_SILENT:      "retry_silent",
	DirectorReasonREASON_RETRY_RESET:       "retry_reset",
	DirectorReasonREASON_RETRY_UNREACHABLE: "retry_unreachable",
	DirectorReasonREASON_MOVED:             "moved",
	DirectorReasonREASON_RESET_DEAD:        "reset_dead",
	DirectorReasonREASON_RESET_NO_SERVER:   "reset_no_server",
	DirectorReasonREASON_RESET_NO_CONN:     "reset_no_conn",
	DirectorReasonREASON_RESET_LATE:        "reset_late",
	DirectorReasonREASON_DROP_MALFORMED:    "drop_malformed",
	DirectorReasonREASON_DROP_FRAGMENT:     "drop_fragment",
	DirectorReasonREASON_DROP_TTL:          "drop_ttl",
	DirectorReasonREASON_DROP_TOO_BIG:      "drop_too_big",
	DirectorReasonREASON_DROP_NO_SERVER:    "drop_no_server",
	DirectorReasonREASON_DROP_NO_CONN:      "drop_no_conn",
	DirectorReasonREASON_DROP_LATE:         "drop_late",
	DirectorReasonREASON_DROP_FULL:         "drop_full",
	DirectorReasonREASON_DROP_NO_PORT:      "drop_no_port",
	DirectorReasonREASON_DROP_COLLISION:    "drop_collision",
	DirectorReasonREASON_DROP_BUSY:         "drop_busy",
	DirectorReasonREASON_DROP_SIDE:         "drop_side",
	DirectorReasonREASON_DROP_FAILED:       "drop_failed",
}

// ReasonName names a reason, as "forward_in".
func ReasonName(r Reason) string {
	if int(r) < len(reasonNames) {
		return reasonNames[r]
	}
	return "unknown"
}
