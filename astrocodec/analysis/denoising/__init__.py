"""How well an image was denoised: measures of Gheller & Vazza 2022 (MNRAS 509, 990), where the truth is known."""
