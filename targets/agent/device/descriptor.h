#pragma once

#include <unistd.h>

namespace agent {

/* A file descriptor that is closed with its scope; -1 is none. */
class Descriptor {
  public:
    Descriptor() = default;
    explicit Descriptor(int number) : number_(number) {}
    Descriptor(Descriptor &&other) : number_(other.number_) { other.number_ = -1; }
    Descriptor &operator=(Descriptor &&other)
    {
        reset(other.number_);
        other.number_ = -1;
        return *this;
    }
    ~Descriptor() { reset(); }

    void reset(int number = -1)
    {
        if (number_ >= 0)
            close(number_);
        number_ = number;
    }
    int number() const { return number_; }
    explicit operator bool() const { return number_ >= 0; }

  private:
    int number_ = -1;
};

} // namespace agent
