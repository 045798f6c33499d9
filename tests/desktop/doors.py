"""A game for the mouse: two doors, and a point for each press on the one that is lit; the light changes then.

python doors.py
"""

from __future__ import annotations

import time

import pygame

WIDTH, HEIGHT, DOOR = 200, 120, 80
DARK, LIT, POINT = (30, 30, 40), (250, 220, 60), (255, 255, 255)


def main() -> None:
    """Each point is a white square of 8 x 8 pixels at the lower edge."""
    pygame.display.init()
    screen = pygame.display.set_mode((WIDTH, HEIGHT))
    pygame.display.set_caption("Two doors")
    lit, points = 0, 0
    while True:
        for event in pygame.event.get():
            if event.type == pygame.QUIT:
                return
            if event.type == pygame.MOUSEBUTTONDOWN and event.button == 1:
                door = [pygame.Rect(0, 0, DOOR, 100), pygame.Rect(WIDTH - DOOR, 0, DOOR, 100)][lit]
                if door.collidepoint(event.pos):
                    lit, points = 1 - lit, points + 1
        screen.fill((0, 0, 0))
        for number, left in enumerate((0, WIDTH - DOOR)):
            screen.fill(LIT if number == lit else DARK, (left, 0, DOOR, 100))
        for number in range(points):
            screen.fill(POINT, (4 + 10 * number, 108, 8, 8))
        pygame.display.flip()
        time.sleep(0.02)


if __name__ == "__main__":
    main()
