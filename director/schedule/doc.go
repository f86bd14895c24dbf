// Package schedule makes the tables by which the datapath chooses a server for
// a new connection, and holds the Go reference of each scheduler: what the C
// code does for the same table and counters, Pick does too, and tests compare
// them. It is pure: counters, cursors and random numbers are arguments.
//
// # What the datapath gets
//
// For each service a Table: Members, every real server once, and Slots, a
// sequence of real ids in which a server of twice the weight stands twice as
// often. For each real server its weight, where One is 1.0 and 0 takes nothing
// new.
//
//	rr wrr       the slot at the cursor, which moves on by one with each pick
//	sh maglev    the slot at the hash of the client
//	lc wlc load  the member of least active/weight, of equals the one whose turn
//	             it is by weight: of all while there are at most ExactMembers,
//	             else of Draws slots drawn at random
//
// A member that cannot take the connection is passed over by going forward in
// the slots, at most WalkSteps of them, and then through Members. So the work
// is bounded for pools of any size.
//
// # Sources
//
// The schedulers' names and meanings are those of ipvsadm(8), "maglev" being
// its mh with the ports hashed. Sequence is earliest eligible virtual deadline
// first (Stoica and Abdel-Wahab, 1995), whose interleaving is as smooth as that
// of nginx's weighted round robin and costs a heap step for each slot in place
// of a scan. Maglev is Eisenbud et al., "Maglev: A Fast and Reliable Software
// Network Load Balancer", NSDI'16, section 3.4. The draws are Mitzenmacher,
// "The Power of Two Choices in Randomized Load Balancing", 2001, with more of
// them, since here a draw costs only two map reads.
package schedule
