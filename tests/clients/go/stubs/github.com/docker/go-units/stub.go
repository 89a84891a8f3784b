package units

type Ulimit struct {
	Name       string
	Hard, Soft int64
}
