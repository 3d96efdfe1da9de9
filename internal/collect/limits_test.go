package collect

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
)

// A list that never comes to an end is given up after so many pages, also where it starts over in between.
func TestEndlessPages(t *testing.T) {
	expiredOnce := func(at int) func(int) error {
		done := false
		return func(page int) error {
			if page != at || done {
				return nil
			}
			done = true
			return &answerError{Code: http.StatusGone}
		}
	}
	for name, test := range map[string]struct {
		fails func(page int) error
		most  int
	}{
		"endless":              {func(int) error { return nil }, mostPages},
		"endless, starts over": {expiredOnce(1500), 2 * mostPages},
	} {
		t.Run(name, func(t *testing.T) {
			c, err := newCollector(newFakeAPI(t).options())
			if err != nil {
				t.Fatal(err)
			}
			pages := 0
			err = c.pages(t.Context(), func(context.Context, metav1.ListOptions) (metav1.ListInterface, error) {
				pages++
				if err := test.fails(pages); err != nil {
					return nil, err
				}
				return &metav1.ListMeta{Continue: strconv.Itoa(pages)}, nil
			}, func() {})
			if !errors.Is(err, errEndless) || pages != test.most {
				t.Errorf("%v after %d pages, want %v after %d", err, pages, errEndless, test.most)
			}
		})
	}
}

// Of very many events so many are kept, whatever the server makes of limit, and the gap says how many there are.
func TestVeryManyEvents(t *testing.T) {
	const each, last = 10_000, mostEvents / 10_000
	items := make([]string, each)
	for i := range items {
		items[i] = fmt.Sprintf(`{"metadata":{"name":"e%d","namespace":"shop"},"involvedObject":{"kind":"Pod","name":"p","uid":"u"},"type":"Warning"}`, i)
	}
	all := strings.Join(items, ",")
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		page, _ := strconv.Atoi(r.URL.Query().Get("continue"))
		next := strconv.Itoa(page + 1)
		if page == last {
			fmt.Fprintf(w, `{"apiVersion":"v1","kind":"EventList","metadata":{},"items":[%s,%s]}`, items[0], items[1])
			return
		}
		fmt.Fprintf(w, `{"apiVersion":"v1","kind":"EventList","metadata":{"continue":%q},"items":[%s]}`, next, all)
	}))
	defer server.Close()
	r, err := NewPodReader(Options{Config: &rest.Config{Host: server.URL}}, PodQuery{Namespace: "shop"})
	if err != nil {
		t.Fatal(err)
	}
	events, err := r.listEvents(t.Context(), "shop", "", nil)
	if len(events) != mostEvents || err == nil || err.Error() != "there are 50002 events, of which only 50000 were kept" {
		t.Errorf("%d events, error %v", len(events), err)
	}
}
