package collect

import (
	"context"
	"net/http"
)

// impatient ends requests with their context even where what is below does not look at it: client-go
// runs the credential plugin of a kubeconfig to its end, which may never come.
type impatient struct{ next http.RoundTripper }

func (i impatient) RoundTrip(req *http.Request) (*http.Response, error) {
	return UntilDone(req.Context(), func() (*http.Response, error) { return i.next.RoundTrip(req) }, func(late *http.Response) {
		if late != nil {
			late.Body.Close()
		}
	})
}

// UntilDone is what do returns, or the context's error if that is over before. What comes too late is
// for drop.
func UntilDone[T any](ctx context.Context, do func() (T, error), drop func(T)) (T, error) {
	type result struct {
		value T
		err   error
	}
	done := make(chan result, 1)
	go func() {
		value, err := do()
		done <- result{value, err}
	}()
	select {
	case r := <-done:
		return r.value, r.err
	case <-ctx.Done():
		go func() { drop((<-done).value) }()
		var none T
		return none, ctx.Err()
	}
}
