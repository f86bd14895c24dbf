package policy

// Insight is what a Learner goes by for one resolver key. It holds no
// randomness but the Choice's.
type Insight struct {
	Choice Choice
}
